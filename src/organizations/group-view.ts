import { z } from "zod";
import type { AuditEntry } from "../audit/entry.ts";
import { type UserView, userStatusSchema } from "../users/view.ts";

/** A group as stored, with its organization and how many are in it. */
export type GroupRow = {
  readonly id: string;
  readonly name: string;
  readonly display_name: string;
  readonly avatar_url: string;
  readonly quota_allowance: number;
  readonly source: string;
  readonly organization_id: string;
  readonly organization_name: string;
  readonly organization_display_name: string;
  readonly total_member_count: number;
  readonly created_at: Date;
  readonly updated_at: Date;
};

/** A group as the API shows it. */
export const groupSchema = z.object({
  id: z.guid(),
  name: z.string(),
  display_name: z.string(),
  avatar_url: z.string(),
  quota_allowance: z.number(),
  source: z.string(),
  organization_id: z.guid(),
  organization_name: z.string(),
  organization_display_name: z.string(),
  total_member_count: z.number(),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
});
export type GroupView = z.infer<typeof groupSchema>;

/** Turns a stored group into what the API shows. */
export function groupView(row: GroupRow): GroupView {
  return { ...row, created_at: row.created_at.toISOString(), updated_at: row.updated_at.toISOString() };
}

/** What can be set of a group. */
export type GroupSettings = Pick<GroupRow, "name" | "display_name" | "avatar_url" | "quota_allowance">;

/** What the audit log tells of a group itself. */
export function groupFields({ name, display_name, avatar_url, quota_allowance }: GroupSettings): GroupSettings {
  return { name, display_name, avatar_url, quota_allowance };
}

/** What the audit log is to say of a change of a group. */
export function groupEntry(
  action: AuditEntry["action"],
  { id, name: target, organization_id: organizationId }: Pick<GroupRow, "id" | "name" | "organization_id">,
  diff: AuditEntry["diff"],
): AuditEntry {
  return { type: "group", action, id, target, organizationId, diff };
}

/** Whether a group is that of everybody in its organization: it follows the memberships, and has the same id. */
export function isEveryone({ id, organization_id }: Pick<GroupRow, "id" | "organization_id">): boolean {
  return id === organization_id;
}

/** Somebody who is in a group, as stored. */
export type GroupMemberRow = {
  readonly id: string;
  readonly username: string;
  readonly name: string;
  readonly email: string;
  readonly avatar_url: string;
  readonly status: UserView["status"];
  readonly is_system: boolean;
  readonly last_seen_at: Date | null;
  readonly created_at: Date;
  readonly updated_at: Date;
};

/** Somebody who is in a group, as the API shows it. */
export const groupMemberSchema = z.object({
  id: z.guid(),
  username: z.string(),
  name: z.string(),
  email: z.string(),
  avatar_url: z.string(),
  status: userStatusSchema,
  is_system: z.boolean(),
  last_seen_at: z.iso.datetime().nullable(),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
});
export type GroupMemberView = z.infer<typeof groupMemberSchema>;

/** Turns somebody who is in a group into what the API shows. */
export function groupMemberView(row: GroupMemberRow): GroupMemberView {
  return {
    ...row,
    last_seen_at: row.last_seen_at?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}
