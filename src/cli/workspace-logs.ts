import { setTimeout as delay } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import type { Command } from "commander";
import { ProblemError, UsageError } from "../errors.ts";
import type { BuildView, LogLineView } from "../workspaces/schema.ts";
import { type Client, openClient } from "./client.ts";
import { readEvents } from "./events.ts";
import { untilInterrupted } from "./interrupt.ts";
import { type Io, printJson, printLines } from "./io.ts";
import { wholeNumber } from "./whole-number.ts";
import { findWorkspace, latestBuild, titleOf, WHICH_WORKSPACE } from "./workspace-reference.ts";

type Options = { readonly build?: number; readonly follow?: boolean; readonly json?: boolean };

const MAX_BUILD_NUMBER = 2_147_483_647;
const PAGE = 1_000;
/** How long is waited before a lost connection is made again, and how often in a row it is tried. */
const AGAIN_MS = 1_000;
const TRIES = 30;

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
      if (options.follow) await followUntilInterrupted(io, client, build);
      else if (options.json) printJson(io, await readLog(client, build));
      else printLines(io, (await readLog(client, build)).map(textOf));
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

/** A line without anything that a terminal would take for a command. */
const textOf = ({ output }: LogLineView) => stripVTControlCharacters(output).replaceAll(/[^\P{Cc}\t]/gu, "");

async function readLog(client: Client, build: BuildView): Promise<LogLineView[]> {
  const lines: LogLineView[] = [];
  for (;;) {
    const after = lines.at(-1)?.id ?? 0;
    const page = await client.get<LogLineView[]>(`${pathOf(build)}?after=${after}&limit=${PAGE}`);
    lines.push(...page);
    if (page.length < PAGE) return lines;
  }
}

async function followUntilInterrupted(io: Io, client: Client, build: BuildView): Promise<void> {
  const status = await untilInterrupted((signal) => followLog(io, client, build, signal));
  if (status !== undefined) io.err(`build ${build.build_number} has ended: ${status}\n`);
}

/**
 * Prints a build's lines as they come until it has ended, and returns how its job is then; undefined when the signal
 * ends it before that. A connection that is lost is made again, and goes on where it was.
 */
async function followLog(io: Io, client: Client, build: BuildView, signal: AbortSignal): Promise<string | undefined> {
  let last = "0";
  for (let tries = 1; !signal.aborted; tries += 1) {
    try {
      const chunks = client.stream(`${pathOf(build)}?follow=true`, { headers: { "last-event-id": last }, signal });
      for await (const { id, name, data } of readEvents(chunks)) {
        tries = 0;
        const value = JSON.parse(data);
        if (name === "end") return (value as { job_status: string }).job_status;
        if (name === "error") throw new ProblemError("forbidden", (value as { message: string }).message);
        printLines(io, [textOf(value as LogLineView)]);
        last = id ?? last;
      }
      throw new ProblemError("unavailable", "the daemon has closed the connection");
    } catch (error) {
      if (signal.aborted) return undefined;
      const isAway = error instanceof ProblemError && error.kind === "unavailable";
      if (!isAway || tries >= TRIES) throw error;
      if (tries <= 1) io.err(`${error.message}\ntrying again for ${(TRIES * AGAIN_MS) / 1_000} s\n`);
    }
    await delay(AGAIN_MS, undefined, { signal }).catch(() => {});
  }
  return undefined;
}
