import { setTimeout as delay } from "node:timers/promises";
import type pg from "pg";
import { prepared } from "./db/connection.ts";
import type { Logger } from "./log.ts";

/** The notification channels, and what a notification on each of them means. */
export const CHANNELS = {
  /** Something changed that may leave a pool short or too large. */
  pools: "prebuildd_pools",
  /** There is work in the queue. */
  jobs: "prebuildd_jobs",
  /** The job whose id is the payload was canceled. */
  cancel: "prebuildd_cancel",
  /** Somebody who shares the database has claimed a prebuild; `claim_prebuild` sends it. */
  claims: "prebuildd_claims",
  /** Somebody else has inserted an organization, whose system roles are still empty; a trigger sends it. */
  roles: "prebuildd_roles",
  /** A replica has read the metrics for all. */
  metrics: "prebuildd_metrics",
} as const;

/** The least time between two notifications: what is asked for meanwhile goes with the next one. */
const QUIET_MS = 10;

/** Tells all replicas at once that there is something to do. A lost notification costs time only: all loops poll too. */
export type Wake = {
  pools(): void;
  jobs(): void;
  cancel(jobId: string): void;
  metrics(): void;
  /** Resolves when everything asked for so far has been sent. */
  settled(): Promise<void>;
};

/**
 * Sends notifications after the caller's commit, on a connection of their own: a NOTIFY inside a transaction makes all
 * committing transactions of the server wait for one another. Requests that arrive while one is being sent become one.
 */
export function createWake(pool: pg.Pool, log: Logger): Wake {
  const waiting = new Map<string, Set<string>>();
  let sending: Promise<void> | undefined;

  function request(channel: string, payload: string): void {
    const payloads = waiting.get(channel) ?? new Set();
    waiting.set(channel, payloads.add(payload));
    sending ??= send();
  }

  async function send(): Promise<void> {
    while (waiting.size > 0) {
      const pairs = [...waiting].flatMap(([channel, payloads]) =>
        [...payloads].map((payload) => ({ channel, payload })),
      );
      waiting.clear();
      try {
        await pool.query(
          prepared("select pg_notify(channel, payload) from unnest($1::text[], $2::text[]) as n (channel, payload)", [
            pairs.map((pair) => pair.channel),
            pairs.map((pair) => pair.payload),
          ]),
        );
      } catch (err) {
        log.warn({ err }, "could not wake the other loops; they will notice at their next interval");
      }
      await delay(QUIET_MS);
    }
    // In the same turn as the last look: nothing can be asked for in between and be forgotten.
    sending = undefined;
  }

  return {
    pools: () => request(CHANNELS.pools, ""),
    jobs: () => request(CHANNELS.jobs, ""),
    cancel: (jobId) => request(CHANNELS.cancel, jobId),
    metrics: () => request(CHANNELS.metrics, ""),
    settled: async () => sending,
  };
}
