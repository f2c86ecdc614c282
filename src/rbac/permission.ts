import { type ActionOn, ANY, actionsOf, type ResourceType } from "./policy.ts";

/**
 * Allows an action on a type of thing, or denies it. `*` stands for every type or every action. Custom roles are stored
 * in this form, so what is read may name what the policy table does not know; it then matches nothing.
 */
export type Permission = {
  readonly negate: boolean;
  readonly resource_type: string;
  readonly action: string;
};

/** Permissions for the actions on one type. */
export function allow<T extends ResourceType>(type: T, ...actions: readonly (ActionOn<T> | "*")[]): Permission[] {
  return actions.map((action) => ({ negate: false, resource_type: type, action }));
}

/** Denials of the actions on one type. */
export function deny<T extends ResourceType>(type: T, ...actions: readonly (ActionOn<T> | "*")[]): Permission[] {
  return allow(type, ...actions).map((permission) => ({ ...permission, negate: true }));
}

/** What makes a permission the same as another one; no text in the database can have a null character in it. */
const keyOf = ({ negate, resource_type, action }: Permission): string => `${negate}\0${resource_type}\0${action}`;

/** The list without repetitions, each permission where it stood first. */
export function withoutRepetitions(permissions: readonly Permission[]): Permission[] {
  return [...Map.groupBy(permissions, keyOf).values()].flatMap((same) => same.slice(0, 1));
}

/** The permissions of a list that another one has not. */
export function permissionsBeyond(list: readonly Permission[], other: readonly Permission[]): Permission[] {
  const known = new Set(other.map(keyOf));
  return list.filter((permission) => !known.has(keyOf(permission)));
}

/**
 * Whether two lists grant the same in the same words: as sets, where no list is an empty one. Wildcards are not
 * expanded (roles specification, 2.5).
 */
export function samePermissions(
  one: readonly Permission[] | null | undefined,
  other: readonly Permission[] | null | undefined,
): boolean {
  const [first, second] = [one ?? [], other ?? []];
  return permissionsBeyond(first, second).length === 0 && permissionsBeyond(second, first).length === 0;
}

/**
 * Reads a stored list. No list is an empty one, and an entry that is not a permission, because somebody has written it
 * by hand, becomes one for a type of thing that there is not: it grants nothing, and is noticed in a comparison.
 */
export function readPermissions(stored: unknown): Permission[] {
  const list: readonly unknown[] = Array.isArray(stored) ? stored : [];
  return list.map((entry) => {
    const { negate = false, resource_type, action } = (entry ?? {}) as Partial<Record<keyof Permission, unknown>>;
    const readable = typeof negate === "boolean" && typeof resource_type === "string" && typeof action === "string";
    return readable ? { negate, resource_type, action } : { negate: true, resource_type: "", action: "" };
  });
}

/** What is wrong with a permission, in a sentence; undefined when the policy table knows it. */
export function permissionProblem({ resource_type: type, action }: Permission): string | undefined {
  if (type === ANY) return undefined;
  const actions = actionsOf(type);
  if (!actions) return `there is no resource type ${JSON.stringify(type)}`;
  if (action === ANY || (actions as readonly string[]).includes(action)) return undefined;
  return `${type} has no action ${JSON.stringify(action)}; it has ${actions.join(", ")}`;
}
