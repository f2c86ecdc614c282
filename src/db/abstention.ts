import type pg from "pg";
import type { Logger } from "../log.ts";
import { startLoop } from "../loop.ts";
import type { Leadership } from "./leadership.ts";

/** How often the database is tried, and how long its answer may take; after that another connection is tried. */
const TRY_MS = 500;
const ANSWER_MS = 5_000;

/**
 * What stands in for competing on a replica that is never to lead: it says whether the database answers, which
 * those who compete know anyway. It asks on the pool, which is all that such a replica works with.
 */
export function abstainFromLeadership(pool: pg.Pool, log: Logger): Leadership {
  let knownAt = performance.now();

  async function ask(): Promise<void> {
    try {
      await pool.query({ text: "select 1", query_timeout: ANSWER_MS } as pg.QueryConfig);
      knownAt = performance.now();
    } catch (err) {
      // Whoever needs the database says so louder.
      log.debug({ err }, "the database does not answer; trying again");
    }
  }

  const asking = startLoop({ name: "trying the database", intervalMs: TRY_MS, log, work: ask });
  return {
    isLeader: false,
    idleMs: () => performance.now() - knownAt,
    [Symbol.asyncDispose]: () => asking[Symbol.asyncDispose](),
  };
}
