import type { Command } from "commander";
import { LIFECYCLE } from "../audit/entry.ts";
import type { AuditEntryView } from "../audit/view.ts";
import { openClient } from "./client.ts";
import { type Io, printJson, printLines } from "./io.ts";
import { formatTable } from "./table.ts";
import { wholeNumber } from "./whole-number.ts";
import { instantText, oneLine } from "./words.ts";

const MAX_LISTED = 1_000;
const PAGE = 100;
/** Values that are longer are cut in the table; `--json` has all of them. */
const SHOWN_CHARACTERS = 40;

type Page = { readonly audit_logs: readonly AuditEntryView[]; readonly count: number };
type Options = { readonly search?: string; readonly limit: number; readonly json?: boolean };

/** Adds `audit list`. */
export function addAuditCommand(program: Command, io: Io): void {
  const audit = program.command("audit").description("show who changed what");
  audit
    .command("list")
    .description("list the entries of the audit log that you may see, the newest first")
    .option("--search <query>", "for example `username:alice resource_type:template date_from:2025-06-02 devbox`")
    .option("--limit <count>", `the most to list, up to ${MAX_LISTED}`, wholeNumber(MAX_LISTED), PAGE)
    .option("--json", "print them as JSON")
    .action(async ({ search, limit, json }: Options) => {
      const query = new URLSearchParams({ limit: String(limit), ...(search === undefined ? {} : { q: search }) });
      const client = await openClient(io);
      const page = await client.get<Page>(`/audit?${query}`);
      const { audit_logs: entries, count } = page;
      if (json) {
        printJson(io, page);
        return;
      }
      printLines(io, count === 0 ? ["there are no such entries"] : formatTable(HEADINGS, entries.map(rowOf)));
      if (entries.length < count) io.err(`these are ${entries.length} of ${count}\n`);
    });
}

const HEADINGS = ["TIME", "USER", "ACTION", "TYPE", "TARGET", "ORGANIZATION", "CHANGES"];

function rowOf(entry: AuditEntryView): string[] {
  return [
    instantText(entry.time),
    entry.user?.username ?? (entry.user_agent === LIFECYCLE.userAgent ? "(lifecycle)" : "(command line)"),
    entry.action,
    entry.resource_type,
    oneLine(entry.resource_target),
    entry.organization?.name ?? "",
    changesOf(entry),
  ];
}

/** What has changed in a thing that was there before and still is; of others everything has. */
function changesOf({ action, diff }: AuditEntryView): string {
  if (action === "create" || action === "delete") return "";
  return Object.entries(diff)
    .map(([field, { old, new: now }]) => `${field}: ${valueText(old)} -> ${valueText(now)}`)
    .join(", ");
}

function valueText(value: unknown): string {
  const text = oneLine(JSON.stringify(value));
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}…`;
}
