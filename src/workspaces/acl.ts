import { z } from "zod";
import type { Validation } from "../errors.ts";
import { type AccessRoles, SHARED_ROLES, type SharedRole } from "./access.ts";

/** With how many users, and with how many groups, a workspace can be shared. */
const MAX_SHARED = 500;

/** Whom a workspace is shared with. */
export type AccessLists = { readonly users: AccessRoles; readonly groups: AccessRoles };

type Changes = Readonly<Record<string, SharedRole | "">>;
type ListChanges = { readonly users: Changes; readonly groups: Changes };

const changes = (what: string) =>
  z
    .record(
      z.guid(),
      z.enum([...SHARED_ROLES, ""], { error: `must be ${SHARED_ROLES.join(" or ")}, or "" for none` }),
      {
        error: ({ code }) =>
          code === "invalid_key" ? `is not the id of a ${what}` : `must be an object of roles by the ids of ${what}s`,
      },
    )
    .refine((given) => Object.keys(given).length <= MAX_SHARED, { error: `must have at most ${MAX_SHARED} entries` })
    .optional();

/** What says whom a workspace is to be shared with, or no longer. */
export const aclBody = z.strictObject({ user_roles: changes("user"), group_roles: changes("group") });

/** The changes in a body, with the ids as the database writes them. */
export function readChanges({
  user_roles: users = {},
  group_roles: groups = {},
}: z.infer<typeof aclBody>): ListChanges {
  return { users: withSmallIds(users), groups: withSmallIds(groups) };
}

const withSmallIds = (given: Changes): Changes =>
  Object.fromEntries(Object.entries(given).map(([id, role]) => [id.toLowerCase(), role]));

/** Whom the changes give a role. */
export function granteesIn({ users, groups }: ListChanges): { users: string[]; groups: string[] } {
  const given = (list: Changes) => Object.keys(list).filter((id) => list[id] !== "");
  return { users: given(users), groups: given(groups) };
}

/** The lists after the changes. */
export function changedLists(before: AccessLists, { users, groups }: ListChanges): AccessLists {
  return { users: changed(before.users, users), groups: changed(before.groups, groups) };
}

/** In the order of the ids, which is that of the database, so that lists with the same entries are the same. */
function changed(before: AccessRoles, after: Changes): AccessRoles {
  const roles = Object.entries({ ...before, ...after }).filter(
    (entry): entry is [string, SharedRole] => entry[1] !== "",
  );
  return Object.fromEntries(roles.sort(([one], [other]) => (one < other ? -1 : 1)));
}

/**
 * Why a workspace cannot be shared like this, each with the field that is to blame.
 * @param named whom the request gives roles
 * @param there whose the workspace is, and which of those named are members and groups of its organization
 */
export function aclProblems(
  named: { readonly users: readonly string[]; readonly groups: readonly string[] },
  after: AccessLists,
  there: { readonly ownerId: string; readonly members: ReadonlySet<string>; readonly groups: ReadonlySet<string> },
): Validation[] {
  const isFull = (roles: AccessRoles) => Object.keys(roles).length > MAX_SHARED;
  const full = (what: string) => `a workspace can be shared with at most ${MAX_SHARED} ${what}; take some away first`;
  return [
    ...named.users.flatMap((id) => {
      const field = `user_roles.${id}`;
      if (id === there.ownerId) return [{ field, detail: "is the workspace's owner, who may do everything with it" }];
      return there.members.has(id) ? [] : [{ field, detail: "is no member of the workspace's organization" }];
    }),
    ...named.groups.flatMap((id) =>
      there.groups.has(id)
        ? []
        : [{ field: `group_roles.${id}`, detail: "is no group of the workspace's organization" }],
    ),
    ...(isFull(after.users) ? [{ field: "user_roles", detail: full("users") }] : []),
    ...(isFull(after.groups) ? [{ field: "group_roles", detail: full("groups") }] : []),
  ];
}

const role = z.enum(SHARED_ROLES);

/** Whom a workspace is shared with, as the API shows it. */
export const aclSchema = z.object({
  users: z.array(z.object({ id: z.guid(), username: z.string(), name: z.string(), avatar_url: z.string(), role })),
  groups: z.array(
    z.object({
      id: z.guid(),
      name: z.string(),
      display_name: z.string(),
      organization_id: z.guid(),
      avatar_url: z.string(),
      role,
    }),
  ),
});
export type AclView = z.infer<typeof aclSchema>;
