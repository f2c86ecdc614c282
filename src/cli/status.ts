import type { Command } from "commander";
import { UsageError } from "../errors.ts";
import type { PoolView } from "../prebuilds/status.ts";
import { openClient } from "./client.ts";
import { type Io, printJson, printLines } from "./io.ts";
import { poolNotes } from "./pool-notes.ts";
import { formatTable } from "./table.ts";
import { watchUntilInterrupted } from "./watch.ts";
import { poolTitle, reasonsInWords } from "./words.ts";

type Options = { readonly json?: boolean; readonly watch?: boolean };

/** Adds `status`. */
export function addStatusCommand(program: Command, io: Io): void {
  program
    .command("status")
    .description("show every pool: what it should hold, what it holds, and why it is short")
    .option("--watch", "draw it again every 2 s, until Ctrl-C")
    .option("--json", "print the pools as JSON")
    .action(async (options: Options) => {
      if (options.json && options.watch) {
        throw new UsageError("error: --watch does not go with --json, which prints one document");
      }
      if (options.watch) await watchUntilInterrupted(io, async (signal) => describe(await readPools(io, { signal })));
      else if (options.json) printJson(io, await readPools(io));
      else printLines(io, describe(await readPools(io)));
    });
}

/** The daemon is looked for each time, because one that comes back may be somewhere else. */
async function readPools(io: Io, options: { readonly signal?: AbortSignal } = {}): Promise<readonly PoolView[]> {
  return (await openClient(io)).get<readonly PoolView[]>("/prebuilds/pools", options);
}

const HEADINGS = ["POOL", "WANTED", "READY", "BUILDING", "EXPIRED", "DELETING", "WHY NOT FULL"];

function describe(pools: readonly PoolView[]): string[] {
  if (pools.length === 0) return ["there are no pools"];
  const notes = poolNotes(pools);
  return [...formatTable(HEADINGS, pools.map(rowOf)), ...(notes.length > 0 ? ["", ...notes] : [])];
}

function rowOf(pool: PoolView): (string | number)[] {
  return [
    pool.active ? poolTitle(pool) : `${poolTitle(pool)} (inactive)`,
    pool.desired,
    pool.eligible,
    pool.starting,
    pool.expired,
    pool.deleting,
    reasonsInWords(pool.reasons),
  ];
}
