import type { Command } from "commander";
import type { WorkspaceView } from "../workspaces/schema.ts";
import { type Client, openClient } from "./client.ts";
import { type Io, printJson, printLines } from "./io.ts";
import { formatTable } from "./table.ts";
import { wholeNumber } from "./whole-number.ts";
import { addBuildCommands } from "./workspace-builds.ts";
import { addLogsCommand } from "./workspace-logs.ts";
import { findWorkspace, titleOf, WHICH_WORKSPACE } from "./workspace-reference.ts";
import { addDormancyCommands, addScheduleCommands } from "./workspace-schedule.ts";
import { addSharingCommands } from "./workspace-sharing.ts";

const MAX_LISTED = 1_000;
const PAGE = 100;

type Page = { readonly workspaces: readonly WorkspaceView[]; readonly count: number };
type ListOptions = { readonly search?: string; readonly limit: number; readonly json?: boolean };

/** Adds `workspaces list|show|start|stop|delete|cancel|builds|logs|acl|share|unshare|schedule|dormant|activate`. */
export function addWorkspacesCommand(program: Command, io: Io): void {
  const workspaces = program
    .command("workspaces")
    .description("list and show workspaces, start, stop, delete and share them, and say when they start and stop");

  workspaces
    .command("list")
    .description("list the workspaces that you may see")
    .option("--search <query>", "for example `owner:me template:devbox status:running`")
    .option("--limit <count>", `the most to list, up to ${MAX_LISTED}`, wholeNumber(MAX_LISTED), PAGE)
    .option("--json", "print them as JSON")
    .action(async (options: ListOptions) => {
      const page = await list(await openClient(io), options);
      if (options.json) {
        printJson(io, page);
        return;
      }
      printLines(
        io,
        page.count === 0 ? ["there are no workspaces"] : formatTable(HEADINGS, page.workspaces.map(rowOf)),
      );
      if (page.workspaces.length < page.count) io.err(`these are ${page.workspaces.length} of ${page.count}\n`);
    });

  workspaces
    .command("show")
    .description("show one workspace")
    .argument("<workspace>", WHICH_WORKSPACE)
    .option("--json", "print it as JSON")
    .action(async (reference: string, options: { readonly json?: boolean }) => {
      const workspace = await findWorkspace(await openClient(io), reference);
      if (options.json) printJson(io, workspace);
      else printLines(io, describe(workspace));
    });

  addBuildCommands(workspaces, io);
  addLogsCommand(workspaces, io);
  addSharingCommands(workspaces, io);
  addScheduleCommands(workspaces, io);
  addDormancyCommands(workspaces, io);
}

/** Asks page by page until there is no more, or enough. */
async function list(client: Client, { search, limit }: ListOptions): Promise<Page> {
  const workspaces: WorkspaceView[] = [];
  for (;;) {
    const query = new URLSearchParams({
      limit: String(Math.min(PAGE, limit - workspaces.length)),
      offset: String(workspaces.length),
      ...(search === undefined ? {} : { q: search }),
    });
    const page = await client.get<Page>(`/workspaces?${query}`);
    workspaces.push(...page.workspaces);
    const isLast = page.workspaces.length === 0 || workspaces.length >= page.count;
    if (isLast || workspaces.length >= limit) return { workspaces, count: page.count };
  }
}

const HEADINGS = ["WORKSPACE", "ORGANIZATION", "TEMPLATE", "STATUS", "CREATED", "ID"];

function rowOf(workspace: WorkspaceView): string[] {
  return [
    titleOf(workspace),
    workspace.organization_name,
    workspace.template_name,
    workspace.latest_build?.status ?? "none",
    workspace.created_at,
    workspace.id,
  ];
}

function describe(workspace: WorkspaceView): string[] {
  const build = workspace.latest_build;
  const lines: [string, string | null | undefined][] = [
    ["workspace", titleOf(workspace)],
    ["id", workspace.id],
    ["template", `${workspace.organization_name}/${workspace.template_name}${workspace.outdated ? " (outdated)" : ""}`],
    ["status", build?.status],
    ["error", build?.job.error],
    ["agents", build?.agents.map(({ name, lifecycle_state }) => `${name} ${lifecycle_state}`).join(", ")],
    ["created", workspace.created_at],
    ["last used", workspace.last_used_at],
    ["stops at", build?.deadline],
    ["starts at", workspace.next_start_at],
    ["dormant", workspace.dormant_at && `since ${workspace.dormant_at}; activate it to start it`],
    ["deleted at", workspace.deleting_at],
    ["dormant", workspace.dormant_at],
  ];
  return lines.flatMap(([name, value]) => (value ? [`${`${name}:`.padEnd(11)} ${value}`] : []));
}
