import { z } from "zod";
import type { AuditEntry } from "../audit/entry.ts";
import type { Permission } from "../rbac/permission.ts";
import { type OrganizationRoleName, organizationRoleLevels } from "../rbac/roles.ts";
import type { RoleLevels } from "../rbac/system-roles.ts";
import { wordOf } from "./system-roles.ts";

/** A role that people have made for an organization, as it is stored. */
export type CustomRoleRow = {
  readonly id: string;
  readonly name: string;
  readonly display_name: string;
  readonly organization_id: string;
  /** What may be done to all things of the organization, whoever owns them; there is nothing else in such a role. */
  readonly permissions: readonly Permission[];
};

const permissions = z.array(z.object({ negate: z.boolean(), resource_type: z.string(), action: z.string() }));

/** A role that members of an organization can be given, as the API shows it. */
export const assignableRoleSchema = z.object({
  name: z.string(),
  display_name: z.string(),
  organization_id: z.guid(),
  built_in: z.boolean().describe("false for a role that people have made"),
  assignable: z.boolean().describe("whether the caller may give and take it"),
  site_permissions: permissions.describe("about everything in the deployment"),
  organization_permissions: permissions.describe("about everything in the organization"),
  organization_member_permissions: permissions.describe("about what a member owns in the organization"),
  user_permissions: permissions.describe("about what a user owns outside organizations"),
});
export type AssignableRoleView = z.infer<typeof assignableRoleSchema>;

const DISPLAY_NAMES: Readonly<Record<OrganizationRoleName, string>> = {
  "organization-admin": "Organization Admin",
  "organization-auditor": "Organization Auditor",
  "organization-user-admin": "Organization User Admin",
  "organization-template-admin": "Organization Template Admin",
  "organization-workspace-creation-ban": "Organization Workspace Creation Ban",
};

/** Turns a built-in role of organizations into what the API shows. */
export function builtInRoleView(
  name: OrganizationRoleName,
  organizationId: string,
  assignable: boolean,
): AssignableRoleView {
  return {
    name,
    display_name: DISPLAY_NAMES[name],
    organization_id: organizationId,
    built_in: true,
    assignable,
    ...levelsView(organizationRoleLevels(name)),
  };
}

/** Turns a role that people have made into what the API shows. */
export function customRoleView(row: CustomRoleRow, assignable: boolean): AssignableRoleView {
  const { name, display_name, organization_id, permissions: org } = row;
  const levels = levelsView({ site: [], org, user: [], member: [] });
  return { name, display_name, organization_id, built_in: false, assignable, ...levels };
}

function levelsView({ site, org, user, member }: RoleLevels) {
  return {
    site_permissions: [...site],
    organization_permissions: [...org],
    organization_member_permissions: [...member],
    user_permissions: [...user],
  };
}

/** What the audit log tells of a role that people have made; the order of its permissions says nothing. */
export function customRoleFields({ name, display_name, permissions: held }: CustomRoleRow) {
  return { name, display_name, organization_permissions: held.map(wordOf).sort() };
}

/** What the audit log is to say of a change of such a role. */
export function customRoleEntry(
  action: AuditEntry["action"],
  { id, name: target, organization_id: organizationId }: CustomRoleRow,
  diff: AuditEntry["diff"],
): AuditEntry {
  return { type: "custom_role", action, id, target, organizationId, diff };
}
