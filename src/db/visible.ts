import type { Visibility } from "../rbac/visibility.ts";

/** How many parameters a visibility takes in a statement. */
export const VISIBILITY_PARAMETERS = 5;

/**
 * The condition that a row is one of those that a visibility shows. It takes five parameters, whose values are
 * `visibilityValues`; `first` is the number of the first one. Where things are shared one by one, `columns.shared` is the
 * condition that a row is shared.
 */
export function isVisible(
  columns: { readonly id: string; readonly organization: string; readonly owner?: string; readonly shared?: string },
  first = 1,
): string {
  const [everything, organizations, user, ownIn, ids] = [0, 1, 2, 3, 4].map((place) => `$${first + place}`);
  // Named in every statement, so that the types of all five are known to it.
  const owner = columns.owner ?? "null::uuid";
  // Where there are no whole organizations, the planner leaves them out and finds what is the user's by an index.
  return `((${everything}::bool
      or (cardinality(${organizations}::uuid[]) > 0 and ${columns.organization} = any (${organizations}::uuid[]))
      or (${owner} = ${user}::uuid and ${columns.organization} = any (${ownIn}::uuid[]))
      ${columns.shared === undefined ? "" : `or ${columns.shared}`})
    and (${ids}::text[] is null or ${columns.id}::text = any (${ids})))`;
}

/** The values of the parameters of `isVisible`. */
export function visibilityValues(visibility: Visibility): unknown[] {
  const { everything, organizationIds, userId, ownIn, ids } = visibility;
  return [everything, organizationIds, userId, ownIn, ids];
}
