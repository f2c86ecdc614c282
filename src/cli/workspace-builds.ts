import type { Command } from "commander";
import type { BuildView } from "../workspaces/schema.ts";
import { type Client, openClient } from "./client.ts";
import { type Io, printJson, printLines } from "./io.ts";
import { formatTable } from "./table.ts";
import { wholeNumber } from "./whole-number.ts";
import { oneLine } from "./words.ts";
import { findWorkspace, latestBuild, titleOf, WHICH_WORKSPACE } from "./workspace-reference.ts";

type Options = { readonly json?: boolean; readonly orphan?: boolean };

const MAX_LISTED = 1_000;
const PAGE = 20;

const BUILDS = [
  { verb: "start", doing: "starting", description: "start one workspace, or build it again while it runs" },
  { verb: "stop", doing: "stopping", description: "stop one workspace" },
  { verb: "delete", doing: "deleting", description: "delete one workspace" },
] as const;

/** Adds `workspaces start|stop|delete|cancel|builds`. */
export function addBuildCommands(workspaces: Command, io: Io): void {
  for (const { verb, doing, description } of BUILDS) {
    const command = workspaces
      .command(verb)
      .description(`${description}: queues the build that does it`)
      .argument("<workspace>", WHICH_WORKSPACE)
      .option("--json", "print the build as JSON");
    if (verb === "delete") {
      command.option("--orphan", "at once and without the template's delete; what the template has made stays");
    }
    command.action(async (reference: string, { json, orphan }: Options) => {
      const client = await openClient(io);
      const workspace = await findWorkspace(client, reference);
      const asked = { transition: verb, ...(orphan ? { orphan } : {}) };
      const build = await client.send<BuildView>("POST", `/workspaces/${workspace.id}/builds`, JSON.stringify(asked));
      if (json) printJson(io, build);
      else if (orphan) printLines(io, [`deleted ${titleOf(workspace)}; what its template has made stays`]);
      else printLines(io, [`${doing} ${titleOf(workspace)} (build ${build.id})`]);
    });
  }

  workspaces
    .command("cancel")
    .description("cancel the build of one workspace that waits or runs")
    .argument("<workspace>", WHICH_WORKSPACE)
    .option("--json", "print the build as JSON")
    .action(async (reference: string, { json }: Options) => {
      const client = await openClient(io);
      const build = await cancel(client, reference);
      if (json) printJson(io, build);
      else printLines(io, [`the ${build.transition} of ${titleOfBuild(build)} is ${build.status}`]);
    });

  workspaces
    .command("builds")
    .description("list the builds of one workspace, the newest first")
    .argument("<workspace>", WHICH_WORKSPACE)
    .option("--limit <count>", `the most to list, up to ${MAX_LISTED}`, wholeNumber(MAX_LISTED), PAGE)
    .option("--json", "print them as JSON")
    .action(async (reference: string, { json, limit }: Options & { readonly limit: number }) => {
      const client = await openClient(io);
      const { id } = await findWorkspace(client, reference);
      const builds = await client.get<BuildView[]>(`/workspaces/${id}/builds?limit=${limit}`);
      if (json) printJson(io, builds);
      else printLines(io, formatTable(HEADINGS, builds.map(rowOf)));
    });
}

async function cancel(client: Client, reference: string): Promise<BuildView> {
  const path = `/workspacebuilds/${latestBuild(await findWorkspace(client, reference)).id}`;
  await client.send("PATCH", `${path}/cancel`);
  return client.get<BuildView>(path);
}

const titleOfBuild = (build: BuildView) =>
  titleOf({ owner_name: build.workspace_owner_name, name: build.workspace_name });

const HEADINGS = ["BUILD", "TRANSITION", "STATUS", "VERSION", "REASON", "INITIATOR", "CREATED", "ID", "ERROR"];

function rowOf(build: BuildView): (string | number)[] {
  return [
    build.build_number,
    build.transition,
    build.status,
    build.template_version_name,
    build.reason,
    build.initiator_name,
    build.created_at,
    build.id,
    oneLine(build.job.error ?? ""),
  ];
}
