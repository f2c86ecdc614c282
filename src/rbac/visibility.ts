import { can, type Resource, type Subject } from "./decide.ts";
import { type Action, ANY } from "./policy.ts";

/** Which things of one type a subject may do something to, in terms that a statement can select by. */
export type Visibility = {
  /** All there are. */
  readonly everything: boolean;
  readonly userId: string;
  /** All that are in these organizations. */
  readonly organizationIds: readonly string[];
  /** What the subject owns in these organizations. */
  readonly ownIn: readonly string[];
  /** What the subject owns outside organizations. */
  readonly own: boolean;
  /** What is shared with the subject one by one, where things of the type are; whatever else may be seen. */
  readonly shared: {
    /** What is shared with the subject by its own id. */
    readonly withUser: boolean;
    /** What is shared with one of these groups, or with Everyone, in these organizations; not those of which all is seen. */
    readonly withGroups: readonly string[];
    readonly groupsIn: readonly string[];
  };
  /** Only these, whatever else is said; null: all of them. */
  readonly ids: readonly string[] | null;
};

/** Nobody's id, and no organization's; the nil UUID is that of some who act for the daemon. */
const SOMEBODY = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/**
 * Asks for things of a type what `can` says of a single one, without having any: it is asked about one that could be
 * there, in each place where that makes a difference, and about one that is shared with the subject.
 * @param of describes a thing in such a place; its id does not count
 */
export function visibleTo(
  subject: Subject,
  of: (place: { readonly organizationId?: string; readonly ownerId: string }) => Resource,
  action: Action = "read",
): Visibility {
  const { userId, groupIds, memberships, scope } = subject;
  const { type } = of({ ownerId: SOMEBODY });
  // Which things the token is limited to is selected by id, so here it is asked for as if it were not limited.
  const unlimited: Subject = { ...subject, scope: { ...scope, allowList: [{ type: ANY, id: ANY }] } };
  const entries = scope.allowList.filter((entry) => entry.type === ANY || entry.type === type);
  const allowed = (organizationId: string, ownerId: string) => can(unlimited, action, of({ organizationId, ownerId }));
  const foreign = (organizationId: string): Resource => of({ organizationId, ownerId: SOMEBODY });
  const toMe = { ...foreign(SOMEBODY), userAcl: { [userId]: [action] } };
  const toAll = (id: string): Resource => ({ ...foreign(id), groupAcl: { [id]: [action] } });
  const organizationIds = memberships.map(({ id }) => id);
  const whole = new Set(organizationIds.filter((id) => allowed(id, SOMEBODY)));
  const others = organizationIds.filter((id) => !whole.has(id));
  return {
    everything: allowed(SOMEBODY, SOMEBODY),
    userId,
    organizationIds: [...whole],
    ownIn: others.filter((id) => allowed(id, userId)),
    own: can(unlimited, action, of({ ownerId: userId })),
    shared: {
      withUser: can(unlimited, action, toMe),
      withGroups: groupIds,
      groupsIn: others.filter((id) => can(unlimited, action, toAll(id))),
    },
    ids: entries.some(({ id }) => id === ANY) ? null : entries.map(({ id }) => id),
  };
}
