import { type Command, InvalidArgumentError } from "commander";
import { durationText, parseDuration } from "../duration.ts";
import { UsageError } from "../errors.ts";
import type { WorkspaceView } from "../workspaces/schema.ts";
import { type Client, openClient } from "./client.ts";
import { type Io, printJson, printLines } from "./io.ts";
import { instantText } from "./words.ts";
import { findWorkspace, titleOf, WHICH_WORKSPACE } from "./workspace-reference.ts";

type Options = { readonly json?: boolean };

const MINUTE_MS = 60_000;
const OFF = "off";

/** Adds `workspaces schedule show|start|stop|extend`. */
export function addScheduleCommands(workspaces: Command, io: Io): void {
  const schedule = workspaces
    .command("schedule")
    .description("show and say when a workspace starts and stops by itself");

  command(schedule, "show")
    .description("show when one workspace starts and stops by itself, and becomes dormant or is deleted")
    .action(async (reference: string, options: Options) => {
      print(io, await findWorkspace(await openClient(io), reference), options);
    });

  command(schedule, "start")
    .description("say when one workspace starts by itself")
    .argument("<when>", `five cron fields, such as "30 9 * * 1-5", or ${OFF}`)
    .option("--timezone <zone>", "the time zone whose clocks count, such as Europe/Berlin; UTC unless given")
    .action(async (reference: string, when: string, options: Options & { readonly timezone?: string }) => {
      if (options.timezone !== undefined && /^\s*CRON_TZ=/.test(when)) {
        throw new UsageError("error: give the time zone once, with CRON_TZ= or with --timezone");
      }
      const client = await openClient(io);
      const zone = options.timezone === undefined ? "" : `CRON_TZ=${options.timezone} `;
      const asked = { schedule: when === OFF ? null : `${zone}${when}` };
      print(io, await change(client, reference, "autostart", asked), options);
    });

  command(schedule, "stop")
    .description("say how long after its start one workspace stops by itself; it counts from the next start")
    .argument("<after>", `a duration such as 8h, or ${OFF}`, (given) =>
      [OFF, "0"].includes(given) ? 0 : duration(given),
    )
    .action(async (reference: string, after: number, options: Options) => {
      print(io, await change(await openClient(io), reference, "ttl", { ttl_ms: after || null }), options);
    });

  command(schedule, "extend")
    .description("say for how much longer one workspace, which is running, runs this time")
    .argument("<duration>", "from now, such as 2h; half an hour at least", duration)
    .action(async (reference: string, ms: number, options: Options) => {
      // On the minute after that, so that half an hour is not too little when the daemon gets to see it.
      const deadline = new Date(Math.ceil((Date.now() + ms) / MINUTE_MS) * MINUTE_MS);
      print(io, await change(await openClient(io), reference, "extend", { deadline }), options);
    });
}

/** Adds `workspaces dormant|activate`. */
export function addDormancyCommands(workspaces: Command, io: Io): void {
  for (const { verb, description, dormant } of [
    { verb: "dormant", description: "make one workspace dormant: it is stopped, and cannot be started", dormant: true },
    { verb: "activate", description: "make one dormant workspace active again", dormant: false },
  ]) {
    command(workspaces, verb)
      .description(description)
      .action(async (reference: string, options: Options) => {
        print(io, await change(await openClient(io), reference, "dormant", { dormant }), options);
      });
  }
}

const command = (parent: Command, name: string): Command =>
  parent.command(name).argument("<workspace>", WHICH_WORKSPACE).option("--json", "print the workspace as JSON");

function duration(given: string): number {
  const ms = parseDuration(given);
  if (ms !== undefined && ms > 0) return ms;
  throw new InvalidArgumentError("It must be a duration such as 90m, 8h or 1h30m.");
}

/** Makes a change, and returns the workspace as it is then. */
async function change(client: Client, reference: string, what: string, asked: object): Promise<WorkspaceView> {
  const { id } = await findWorkspace(client, reference);
  await client.send<unknown>("PUT", `/workspaces/${id}/${what}`, JSON.stringify(asked));
  return client.get<WorkspaceView>(`/workspaces/${id}`);
}

function print(io: Io, workspace: WorkspaceView, { json }: Options): void {
  if (json) printJson(io, workspace);
  else printLines(io, describe(workspace));
}

function describe(workspace: WorkspaceView): string[] {
  const { autostart_schedule, next_start_at, ttl_ms, dormant_at, deleting_at, latest_build: build } = workspace;
  const lines: [string, string | null | undefined][] = [
    ["workspace", titleOf(workspace)],
    ["status", build?.status],
    ["starts", autostart_schedule === null ? "not by itself" : startInWords(autostart_schedule)],
    ["next start", at(next_start_at)],
    ["stops after", ttl_ms === null ? "not by itself" : durationText(ttl_ms)],
    ["stops at", at(build?.deadline)],
    ["at the latest", at(build?.max_deadline)],
    ["dormant since", at(dormant_at)],
    ["deleted at", at(deleting_at)],
  ];
  return lines.flatMap(([name, value]) => (value ? [`${`${name}:`.padEnd(14)} ${value}`] : []));
}

const at = (instant: string | null | undefined): string | undefined => (instant ? instantText(instant) : undefined);

/** A schedule as `30 9 * * 1-5 in Europe/Berlin`. */
function startInWords(schedule: string): string {
  const [, timezone = "UTC", cron = schedule] = /^(?:CRON_TZ=(\S+)\s+)?(.+)$/.exec(schedule) ?? [];
  return `${cron} in ${timezone}`;
}
