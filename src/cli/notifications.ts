import type { Command } from "commander";
import { UsageError } from "../errors.ts";
import type { InboxMessageView } from "../notifications/view.ts";
import { openClient } from "./client.ts";
import { type Io, printJson, printLines } from "./io.ts";
import { wholeNumber } from "./whole-number.ts";
import { instantText, oneLine } from "./words.ts";

const MAX_LISTED = 1_000;
const PAGE = 20;
const INBOX = "/notifications/inbox";

type ListOptions = { readonly unread?: boolean; readonly limit: number; readonly json?: boolean };
type ReadOptions = { readonly all?: boolean; readonly json?: boolean };

/** Adds `notifications list|read`. */
export function addNotificationsCommand(program: Command, io: Io): void {
  const notifications = program
    .command("notifications")
    .description("show what you have been told of pools and claims");

  notifications
    .command("list")
    .description("show your messages, the newest first")
    .option("--unread", "only those that you have not read")
    .option("--limit <count>", `the most to show, up to ${MAX_LISTED}`, wholeNumber(MAX_LISTED), PAGE)
    .option("--json", "print them as JSON")
    .action(async ({ unread, limit, json }: ListOptions) => {
      const client = await openClient(io);
      const query = new URLSearchParams({ read_status: unread ? "unread" : "all", limit: String(limit) });
      const found = await client.get<InboxMessageView[]>(`${INBOX}?${query}`);
      if (json) printJson(io, found);
      else printLines(io, found.length === 0 ? ["there are no such messages"] : found.flatMap(linesOf).slice(0, -1));
    });

  notifications
    .command("read")
    .description("mark a message, or all of them, as read")
    .argument("[id]", "the message's id, as `notifications list` shows it")
    .option("--all", "mark all messages")
    .option("--json", "print as JSON what was marked")
    .action(async (id: string | undefined, { all = false, json }: ReadOptions) => {
      if ((id !== undefined) === all) {
        throw new UsageError("say what you have read: either one message by its id, or --all");
      }
      const client = await openClient(io);
      if (id === undefined) {
        await client.send<undefined>("PUT", `${INBOX}/mark-all-as-read`);
        if (json) printJson(io, { is_read: true });
        else printLines(io, ["marked all messages as read"]);
        return;
      }
      const path = `${INBOX}/${encodeURIComponent(id)}/read-status`;
      const message = await client.send<InboxMessageView>("PUT", path, JSON.stringify({ is_read: true }));
      if (json) printJson(io, message);
      else printLines(io, [`marked as read: ${oneLine(message.title)}`]);
    });
}

function linesOf({ id, title, content, created_at, read_at }: InboxMessageView): string[] {
  const body = content.split("\n").map((line) => `  ${oneLine(line)}`.trimEnd());
  return [`${instantText(created_at)}  ${oneLine(title)}${read_at === null ? "  (new)" : ""}`, `  ${id}`, ...body, ""];
}
