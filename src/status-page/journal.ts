import { hostname } from "node:os";
import type pg from "pg";
import type { Clock } from "../clock.ts";
import type { Logger } from "../log.ts";
import { startLoop } from "../loop.ts";
import type { MissReason } from "../prebuilds/claim-store.ts";
import type { PassResult } from "../prebuilds/reconcile.ts";
import { deleteRecent, insertRecent, type NotedPass, type NotedRequest } from "./store.ts";

/** How often what has been noted is written. */
const WRITE_MS = 1_000;
/** The most of each that waits to be written; beyond that the oldest is forgotten. */
const MOST_WAITING = 1_000;

/** Notes what happens, for people to look at; whoever notes something never waits for the database. */
export type Journal = AsyncDisposable & {
  /** A pass that ended just now. */
  pass(seconds: number, result: PassResult | "failed"): void;
  /** A request for a workspace that was answered just now. */
  request(seconds: number, missReason: MissReason | null, presetId: string | null): void;
  /** Forgets for all replicas what happened before a time. */
  forget(before: Date): Promise<void>;
};

/** Collects passes and requests and writes them once a second; what could not be written goes with the next ones. */
export function createJournal({
  pool,
  clock,
  log,
  replica = hostname(),
}: {
  readonly pool: pg.Pool;
  readonly clock: Clock;
  readonly log: Logger;
  readonly replica?: string;
}): Journal {
  let passes: NotedPass[] = [];
  let requests: NotedRequest[] = [];
  let isFailing = false;

  async function write(): Promise<void> {
    if (passes.length === 0 && requests.length === 0) return;
    const [writing, asked] = [passes, requests];
    [passes, requests] = [[], []];
    try {
      await insertRecent(pool, writing, asked);
      isFailing = false;
    } catch (err) {
      passes = [...writing, ...passes].slice(-MOST_WAITING);
      requests = [...asked, ...requests].slice(-MOST_WAITING);
      if (!isFailing) log.warn({ err }, "could not note for the status page what happened; trying again");
      isFailing = true;
    }
  }

  const loop = startLoop({ name: "noting what happened", intervalMs: WRITE_MS, log, work: write });

  function note<T>(waiting: T[], entry: T): void {
    waiting.push(entry);
    if (waiting.length > MOST_WAITING) waiting.shift();
  }

  return {
    pass(seconds, result) {
      const durationMs = seconds * 1_000;
      const noted: NotedPass = {
        replica,
        startedAt: new Date(clock.now().getTime() - durationMs),
        durationMs,
        pools: result === "failed" ? 0 : result.pools.length,
        actions: result === "failed" ? [] : actionsOf(result),
        failures: result === "failed" ? 1 : result.failures,
      };
      // While claims keep coming there are many passes a second; of those that did nothing the last one tells enough.
      const before = passes.at(-1);
      if (before && isQuiet(before) && isQuiet(noted)) passes.pop();
      note(passes, noted);
    },
    request(seconds, missReason, presetId) {
      note(requests, { at: clock.now(), presetId, result: missReason ?? "claimed", durationMs: seconds * 1_000 });
    },
    forget: (before) => deleteRecent(pool, before),
    async [Symbol.asyncDispose]() {
      await loop[Symbol.asyncDispose]();
      await write();
    },
  };
}

const isQuiet = ({ actions, failures }: NotedPass): boolean => actions.length === 0 && failures === 0;

/** What a pass did in all pools, by kind and reason. */
function actionsOf({ results }: PassResult): NotedPass["actions"] {
  const counts = new Map<string, { kind: string; reason: string; count: number }>();
  for (const { action, done } of results) {
    if (done === 0) continue;
    const { kind, reason } = action;
    const counted = counts.get(`${kind} ${reason}`) ?? { kind, reason, count: 0 };
    counted.count += done;
    counts.set(`${kind} ${reason}`, counted);
  }
  return [...counts.values()];
}
