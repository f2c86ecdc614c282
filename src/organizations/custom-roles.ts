import { z } from "zod";
import type { Validation } from "../errors.ts";
import { can, type Subject } from "../rbac/decide.ts";
import { type Permission, permissionProblem, permissionsBeyond, withoutRepetitions } from "../rbac/permission.ts";
import { type Action, ANY, type ResourceType } from "../rbac/policy.ts";
import { ORGANIZATION_ROLES, SITE_ROLES } from "../rbac/roles.ts";
import { SYSTEM_ROLES } from "../rbac/system-roles.ts";
import { displayNameField, nameOfAtMost, textField } from "./fields.ts";
import { wordOf } from "./system-roles.ts";

const MAX_NAME = 64;
const MAX_PERMISSIONS = 500;

/** Everything that is a role without people having made it, and what other versions have of the kind. */
const RESERVED: ReadonlySet<string> = new Set([
  "member",
  ...SITE_ROLES,
  ...ORGANIZATION_ROLES,
  ...SYSTEM_ROLES,
  "organization-service-account",
]);

const permission = z.strictObject({
  negate: z
    .literal(false, { error: "must be false: a role that people make allows, and denies nothing" })
    .default(false),
  resource_type: textField(64),
  action: textField(64),
});
const list = z.array(permission, { error: "must be a list of permissions" });
/** Clients that know these levels send them whatever a role can have; nothing may be in them. */
const nothing = (what: string) =>
  list
    .max(0, { error: `must be empty: a role that people make grants nothing ${what}` })
    .nullish()
    .describe("empty");

/** What people say of a role that they make or change. Names are the same in any case, and stored in lower case. */
export const customRoleBody = z.strictObject({
  name: nameOfAtMost(MAX_NAME).transform((name) => name.toLowerCase()),
  display_name: displayNameField.default(""),
  organization_permissions: list.max(MAX_PERMISSIONS, { error: `must have at most ${MAX_PERMISSIONS} entries` }),
  site_permissions: nothing("outside its organization"),
  user_permissions: nothing("outside its organization"),
  organization_member_permissions: nothing("that depends on whose things are"),
});

/** What is wrong with the name of a role to be made or changed; nothing unless it is that of one that is there anyway. */
export function reservedNameProblems(name: string, to: "make" | "change"): Validation[] {
  if (!RESERVED.has(name)) return [];
  const advice = to === "make" ? "choose another name" : "it cannot be changed";
  return [{ field: "name", detail: `is reserved: ${name} is a role of prebuildd's own; ${advice}` }];
}

/**
 * Decides what a role is to grant: each permission once, without those that the policy table no longer knows and that
 * the role has already, for who sends back what it was shown has done nothing wrong.
 * @param stored what the role grants until now
 * @returns beside the permissions what is wrong with those that were sent, each with its place in the list
 */
export function readWanted(
  wanted: readonly Permission[],
  stored: readonly Permission[],
): { readonly permissions: Permission[]; readonly problems: Validation[] } {
  const stale = stored.filter((one) => permissionProblem(one) !== undefined);
  const kept = permissionsBeyond(wanted, stale);
  const counts = new Set(kept);
  return {
    permissions: withoutRepetitions(kept),
    problems: wanted.flatMap((one, place) => {
      const detail = counts.has(one) ? problemOf(one) : undefined;
      return detail === undefined ? [] : [{ field: `organization_permissions.${place}`, detail }];
    }),
  };
}

function problemOf(one: Permission): string | undefined {
  if (one.resource_type !== ANY && one.action !== ANY) return permissionProblem(one);
  return `is ${wordOf(one)}: a role that people make names each type and each action; list them instead of ${ANY}`;
}

/**
 * The permissions, in words, that the subject cannot put into a role of the organization because it does not hold them
 * itself: it is asked what it may do there, with its token, to things that are not its own.
 */
export function notHeld(subject: Subject, organizationId: string, permissions: readonly Permission[]): string[] {
  return permissions
    .filter(({ resource_type, action }) => {
      const thing = { type: resource_type as ResourceType, organizationId };
      return !can(subject, action as Action, thing);
    })
    .map(wordOf);
}
