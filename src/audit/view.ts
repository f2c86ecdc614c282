import { z } from "zod";
import type { Difference } from "./entry.ts";

/** An entry of the audit log as the database has it, with the names of today. */
export type AuditRow = {
  readonly id: number;
  readonly at: Date;
  readonly user_id: string | null;
  readonly username: string | null;
  readonly organization_id: string | null;
  readonly organization_name: string | null;
  readonly ip: string | null;
  readonly user_agent: string | null;
  readonly request_id: string | null;
  readonly action: string;
  readonly resource_type: string;
  readonly resource_id: string;
  readonly resource_target: string;
  readonly diff: Difference;
};

/** An entry of the audit log as the API shows it. */
export const auditEntrySchema = z.object({
  id: z.number(),
  time: z.iso.datetime(),
  user: z
    .object({ id: z.guid(), username: z.string() })
    .nullable()
    .describe("null for who worked without a token, with the command line, and for the rules of the lifecycle"),
  organization: z.object({ id: z.guid(), name: z.string() }).nullable(),
  ip: z.string().nullable(),
  user_agent: z.string().nullable(),
  request_id: z.guid().nullable(),
  // Text, and not one of those that are known today: the log outlives them.
  action: z.string(),
  resource_type: z.string(),
  resource_id: z.string(),
  resource_target: z.string().describe("what a person knew the thing by at that time"),
  diff: z
    .record(z.string(), z.object({ old: z.unknown(), new: z.unknown() }))
    .describe("what changed, field by field; null for what was not there before, or is not there any more"),
});

export type AuditEntryView = z.infer<typeof auditEntrySchema>;

/** Turns a stored entry into what the API shows. */
export function auditEntryView(row: AuditRow): AuditEntryView {
  return {
    id: row.id,
    time: row.at.toISOString(),
    user: row.user_id === null ? null : { id: row.user_id, username: row.username ?? "" },
    organization: row.organization_id === null ? null : { id: row.organization_id, name: row.organization_name ?? "" },
    ip: row.ip,
    user_agent: row.user_agent,
    request_id: row.request_id,
    action: row.action,
    resource_type: row.resource_type,
    resource_id: row.resource_id,
    resource_target: row.resource_target,
    diff: row.diff,
  };
}
