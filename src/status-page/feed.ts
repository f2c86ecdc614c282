import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Context } from "../context.ts";
import { type Loop, startLoop } from "../loop.ts";
import { readSettings } from "../prebuilds/control-store.ts";
import { type PoolView, readPools } from "../prebuilds/status.ts";
import type { Html } from "./html.ts";
import { poolRow } from "./pool-row.ts";
import type { RecentPass, RecentRequest } from "./recent.ts";
import type { PoolRights } from "./sight.ts";
import { type Level, SHOWN_MS, sparkline } from "./sparkline.ts";
import { type LevelsRow, readLevels, readPasses, readRequests } from "./store.ts";

/** How often the pools are read although nobody said that they have changed. */
const READ_MS = 5_000;
/** The least time between two readings while they keep changing. */
const SPACING_MS = 1_000;
/** A reading that old is good enough for who opens the page, unless the pools have changed since. */
const FRESH_MS = 1_000;
const SHOWN_PASSES = 10;
/** Of all organizations; a viewer is shown the newest of theirs. */
const READ_REQUESTS = 300;

/** A pool as it was read. */
type ReadPool = {
  readonly pool: PoolView;
  /** The number of the reading in which its row has become what it is. */
  readonly changedIn: number;
  /** Its row for somebody with these rights; the same object as long as it is the same. */
  row(rights: PoolRights): Html;
};

/** What was read at once for all viewers. */
export type Reading = {
  readonly number: number;
  readonly at: Date;
  readonly pools: readonly ReadPool[];
  readonly allPaused: boolean;
  readonly passes: readonly RecentPass[];
  readonly requests: readonly RecentRequest[];
};

/** Reads for all who look at the page of this replica, and only while somebody does. */
export type Feed = AsyncDisposable & {
  /** Tells this process's readings from those of others, whose numbers mean something else. */
  readonly id: string;
  /** Says that the pools may have changed. */
  changed(): void;
  /** What is true now. */
  latest(): Promise<Reading>;
  /**
   * Keeps reading for one more viewer until it is disposed. `after` waits for another reading than the given one, and is
   * undefined when none has come for a while, or the signal is aborted.
   */
  watch(
    signal: AbortSignal,
  ): AsyncDisposable & { after(seen: Reading | undefined, waitMs: number): Promise<Reading | undefined> };
};

/** Makes the one reader of a replica. */
export function createFeed(context: Context): Feed {
  let changes = 0;
  let current: { readonly reading: Reading; readonly changes: number; readonly endedAt: number } | undefined;
  let reading: Promise<void> | undefined;
  let arrival = Promise.withResolvers<void>();
  let viewers = 0;
  let loop: Loop | undefined;
  const history = createHistory(context);

  async function read(): Promise<void> {
    const begun = changes;
    const at = context.clock.now();
    const [pools, settings, passes, requests, levelsOf] = await Promise.all([
      readPools(context),
      readSettings(context.pool),
      readPasses(context.pool, SHOWN_PASSES),
      readRequests(context.pool, READ_REQUESTS),
      history(at),
    ]);
    const number = (current?.reading.number ?? 0) + 1;
    const before = new Map(current?.reading.pools.map((read) => [read.pool.preset_id, read as KeyedPool]));
    const next: Reading = {
      number,
      at,
      pools: pools.map((pool) => readPool(pool, levelsOf(pool), number, before.get(pool.preset_id))),
      allPaused: settings.reconciliation_paused,
      passes,
      requests,
    };
    current = { reading: next, changes: begun, endedAt: performance.now() };
    arrival.resolve();
    arrival = Promise.withResolvers();
  }

  const readOnce = () =>
    (reading ??= read().finally(() => {
      reading = undefined;
    }));

  return {
    id: randomUUID().slice(0, 8),
    changed() {
      changes += 1;
      loop?.poke();
    },
    async latest() {
      const needed = changes;
      for (;;) {
        const isRecent = current && current.changes >= needed && performance.now() - current.endedAt < FRESH_MS;
        if (current && isRecent) return current.reading;
        await readOnce();
      }
    },
    watch(signal) {
      viewers += 1;
      loop ??= startLoop({
        name: "reading the pools for the status page",
        intervalMs: READ_MS,
        spacingMs: { least: SPACING_MS, most: SPACING_MS },
        log: context.log,
        work: readOnce,
      });
      return {
        async after(seen, waitMs) {
          if (current && current.reading !== seen) return current.reading;
          const waiting = new AbortController();
          const limit = AbortSignal.any([signal, waiting.signal]);
          await Promise.race([arrival.promise, delay(waitMs, undefined, { signal: limit }).catch(() => {})]);
          waiting.abort();
          return signal.aborted || current?.reading === seen ? undefined : current?.reading;
        },
        async [Symbol.asyncDispose]() {
          viewers -= 1;
          if (viewers > 0) return;
          const idle = loop;
          loop = undefined;
          await idle?.[Symbol.asyncDispose]();
        },
      };
    },
    async [Symbol.asyncDispose]() {
      await loop?.[Symbol.asyncDispose]();
    },
  };
}

type KeyedPool = ReadPool & { readonly key: string };

/** A pool whose row is made when somebody is shown it, and kept until something in it changes. */
function readPool(pool: PoolView, levels: readonly Level[], number: number, before: KeyedPool | undefined): KeyedPool {
  const spark = sparkline(levels);
  const { actions: _, ...shown } = pool;
  const key = `${JSON.stringify(shown)} ${spark}`;
  if (before?.key === key) return before;
  const rows = new Map<string, Html>();
  return {
    pool,
    key,
    changedIn: number,
    row(rights) {
      const variant = `${rights.steer} ${rights.logs}`;
      const made = rows.get(variant) ?? poolRow(pool, spark, rights);
      rows.set(variant, made);
      return made;
    },
  };
}

/** Keeps the levels of the last hour in memory, so that only those are read that have come since. */
function createHistory({ pool: db }: Pick<Context, "pool">) {
  let noted: LevelsRow[] = [];
  let byPool = new Map<string, Level[]>();

  return async (now: Date): Promise<(pool: PoolView) => readonly Level[]> => {
    const since = now.getTime() - SHOWN_MS;
    const news = await readLevels(db, new Date(Math.max(noted.at(-1)?.at.getTime() ?? 0, since)));
    const kept = noted.filter(({ at }) => at.getTime() > since);
    if (news.length > 0 || kept.length < noted.length) {
      noted = [...kept, ...news];
      byPool = new Map();
      for (const { at, levels } of noted) {
        for (const [key, [ready, desired]] of Object.entries(levels)) {
          const of = byPool.get(key) ?? [];
          byPool.set(key, of);
          of.push({ at: at.getTime(), ready, desired });
        }
      }
    }
    return ({ template_id, preset_name }) => byPool.get(`${template_id}/${preset_name}`) ?? [];
  };
}
