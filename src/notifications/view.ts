import { z } from "zod";
import type { NotificationData, NotificationEvent } from "./event.ts";
import { messageOf, templateIdOf } from "./message.ts";
import { publicData, targetsOf } from "./payload.ts";

/** A message in somebody's inbox as the database has it. */
export type InboxRow = {
  readonly id: string;
  readonly event: NotificationEvent;
  readonly created_at: Date;
  readonly read_at: Date | null;
  readonly occurrences: number;
  readonly data: NotificationData;
};

/** Which messages to list by whether they have been read. */
export const READ_STATUSES = ["all", "read", "unread"] as const;
export type ReadStatus = (typeof READ_STATUSES)[number];

const replacements = z
  .record(z.string(), z.string())
  .describe("each replaced resource with the attributes that forced it");

/** A message in somebody's inbox as the API shows it. */
export const inboxMessageSchema = z.object({
  id: z.guid(),
  event: z.enum(["resource_replaced", "preset_hard_limited", "preset_validation_failed", "pool_empty"]),
  template_id: z.guid().describe("the id of this kind of message"),
  title: z.string(),
  content: z.string(),
  occurrences: z
    .number()
    .describe(
      "how many equal events it stands for: claims, times that a pool stopped, requests that found a pool empty",
    ),
  targets: z
    .array(z.guid())
    .describe("what it is about: workspaces and their owners, template, version, preset, organization"),
  data: z.object({
    replacements: replacements.optional(),
    claims: z
      .array(
        z.object({
          at: z.iso.datetime(),
          workspace_id: z.guid(),
          workspace: z.string(),
          workspace_build_num: z.number(),
          claimant_id: z.guid(),
          claimant: z.string(),
          replacements,
        }),
      )
      .optional()
      .describe("the newest, the oldest of them first"),
    reason: z.string().optional().describe("why a pool gets no more prebuilds"),
    misses: z.number().optional().describe("how many requests for a workspace found no ready prebuild"),
  }),
  created_at: z.iso.datetime(),
  read_at: z.iso.datetime().nullable(),
});
export type InboxMessageView = z.infer<typeof inboxMessageSchema>;

/** Turns a message of the database into what the API shows. */
export function inboxMessageView(row: InboxRow): InboxMessageView {
  const { id, event, occurrences, data } = row;
  const { title, body: content } = messageOf(event, data, occurrences);
  return {
    id,
    event,
    template_id: templateIdOf(event),
    title,
    content,
    occurrences,
    targets: targetsOf(data),
    data: publicData(data),
    created_at: row.created_at.toISOString(),
    read_at: row.read_at?.toISOString() ?? null,
  };
}
