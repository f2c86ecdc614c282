import { z } from "zod";
import { notAssignable } from "../rbac/assignable.ts";
import { can, type Subject } from "../rbac/decide.ts";
import { SITE_ROLES, type SiteRoleName } from "../rbac/roles.ts";
import { siteRoleAssignment } from "./resource.ts";

/** A role for the whole deployment, as the API shows it to who asks which there are. */
export const assignableRoleSchema = z.object({
  name: z.string(),
  display_name: z.string(),
  built_in: z.boolean(),
  assignable: z.boolean().describe("whether the caller may give and take it"),
});
export type AssignableRoleView = z.infer<typeof assignableRoleSchema>;

const DISPLAY_NAMES: Readonly<Record<SiteRoleName, string>> = {
  owner: "Owner",
  auditor: "Auditor",
  "template-admin": "Template Admin",
  "user-admin": "User Admin",
};

/** The roles that users can be given for the whole deployment, and which of them the subject may give and take. */
export function assignableRoles(subject: Subject): AssignableRoleView[] {
  const beyond = notAssignable(subject, SITE_ROLES);
  const may = (["assign", "unassign"] as const).every((action) => can(subject, action, siteRoleAssignment()));
  return SITE_ROLES.map((name) => ({
    name,
    display_name: DISPLAY_NAMES[name],
    built_in: true,
    assignable: may && !beyond.includes(name),
  }));
}
