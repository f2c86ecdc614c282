import type { Command } from "commander";
import { ProblemError, UsageError } from "../errors.ts";
import type { BuildView, LogLineView } from "../workspaces/schema.ts";
import { type Client, openClient } from "./client.ts";
import { followLog, lineText } from "./follow-log.ts";
import { type Io, printJson, printLines } from "./io.ts";
import { wholeNumber } from "./whole-number.ts";
import { findWorkspace, latestBuild, titleOf, WHICH_WORKSPACE } from "./workspace-reference.ts";

type Options = { readonly build?: number; readonly follow?: boolean; readonly json?: boolean };

const MAX_BUILD_NUMBER = 2_147_483_647;
const PAGE = 1_000;
/** Adds `workspaces logs`. */
export function addLogsCommand(workspaces: Command, io: Io): void {
  workspaces
    .command("logs")
    .description("print the log of a workspace's latest build, or of another one")
    .argument("<workspace>", WHICH_WORKSPACE)
    .option("--build <number>", "the number of the build", wholeNumber(MAX_BUILD_NUMBER))
    .option("--follow", "go on until the build has ended, or until Ctrl-C")
    .option("--json", "print the lines as JSON")
    .action(async (reference: string, options: Options) => {
      if (options.follow && options.json) throw new UsageError("--json prints one document, so it cannot --follow");
      const client = await openClient(io);
      const build = await findBuild(client, reference, options.build);
      if (options.follow) await followUntilEnded(io, client, build);
      else if (options.json) printJson(io, await readLog(client, build));
      else printLines(io, (await readLog(client, build)).map(lineText));
    });
}

async function findBuild(client: Client, reference: string, number: number | undefined): Promise<BuildView> {
  const workspace = await findWorkspace(client, reference);
  if (number === undefined) return latestBuild(workspace);
  const [owner, name] = [workspace.owner_name, workspace.name].map(encodeURIComponent);
  try {
    return await client.get<BuildView>(`/users/${owner}/workspace/${name}/builds/${number}`);
  } catch (error) {
    if (!(error instanceof ProblemError) || error.kind !== "not_found") throw error;
    throw new ProblemError("not_found", `${titleOf(workspace)} has no build ${number}`, { cause: error });
  }
}

const pathOf = (build: BuildView) => `/workspacebuilds/${build.id}/logs`;

async function readLog(client: Client, build: BuildView): Promise<LogLineView[]> {
  const lines: LogLineView[] = [];
  for (;;) {
    const after = lines.at(-1)?.id ?? 0;
    const page = await client.get<LogLineView[]>(`${pathOf(build)}?after=${after}&limit=${PAGE}`);
    lines.push(...page);
    if (page.length < PAGE) return lines;
  }
}

async function followUntilEnded(io: Io, client: Client, build: BuildView): Promise<void> {
  const status = await followLog(io, client, pathOf(build), (line) => printLines(io, [line]));
  if (status !== undefined) io.err(`build ${build.build_number} has ended: ${status}\n`);
}
