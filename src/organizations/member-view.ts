import { z } from "zod";
import type { AuditEntry } from "../audit/entry.ts";
import { type UserView, userStatusSchema } from "../users/view.ts";

/** A member of an organization as stored, with who it is. */
export type MemberRow = {
  readonly organization_id: string;
  readonly user_id: string;
  readonly username: string;
  readonly name: string;
  readonly email: string;
  readonly avatar_url: string;
  readonly status: UserView["status"];
  readonly is_system: boolean;
  readonly site_roles: readonly string[];
  readonly roles: readonly string[];
  readonly created_at: Date;
  readonly updated_at: Date;
};

/** A member of an organization as the API shows it. */
export const memberSchema = z.object({
  organization_id: z.guid(),
  user_id: z.guid(),
  username: z.string(),
  name: z.string(),
  email: z.string(),
  avatar_url: z.string(),
  status: userStatusSchema,
  is_system: z.boolean(),
  roles: z.array(z.object({ name: z.string(), organization_id: z.guid() })).describe("those of this organization"),
  global_roles: z.array(z.object({ name: z.string() })).describe("those of the whole deployment"),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
});
export type MemberView = z.infer<typeof memberSchema>;

/** Turns a stored member into what the API shows. */
export function memberView({ site_roles, roles, organization_id, ...row }: MemberRow): MemberView {
  return {
    ...row,
    organization_id,
    roles: roles.map((name) => ({ name, organization_id })),
    global_roles: site_roles.map((name) => ({ name })),
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}

/** What the audit log tells of a member. */
export function memberFields({ username, roles }: Pick<MemberRow, "username" | "roles">) {
  return { username, roles };
}

/** What the audit log is to say of a change of a member. */
export function memberEntry(
  action: AuditEntry["action"],
  {
    user_id: id,
    username: target,
    organization_id: organizationId,
  }: Pick<MemberRow, "user_id" | "username" | "organization_id">,
  diff: AuditEntry["diff"],
): AuditEntry {
  return { type: "organization_member", action, id, target, organizationId, diff };
}
