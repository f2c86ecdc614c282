import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import type { Logger } from "../log.ts";
import { closeClient } from "./connection.ts";

export type Leadership = AsyncDisposable & {
  readonly isLeader: boolean;
  /** Milliseconds since this replica last knew whether it leads; grows while the database does not answer. */
  idleMs(): number;
};

type LeadershipOptions = {
  /** A direct connection: a session lock does not survive a transaction pooler. */
  readonly url: string;
  /** What the lock is called; replicas with the same name compete for it. */
  readonly lockName: string;
  readonly log: Logger;
  /** Runs while this replica leads; the signal is aborted when it must stop, and its end is waited for. */
  lead(signal: AbortSignal): Promise<void>;
};

/** How often a replica that does not lead tries to, and how often the leader makes sure that it still does. */
const TRY_MS = 500;

/**
 * Makes the server give up a session, and with it the lock, within seconds of the machine at the other end dying, or of
 * the process there being frozen: its machine answers for it, but it asks nothing any more.
 */
const NOTICE_DEAD_CLIENTS =
  "set tcp_keepalives_idle = 3; set tcp_keepalives_interval = 2; set tcp_keepalives_count = 2; set idle_session_timeout = '5s'";

/**
 * Competes for a session advisory lock on a connection of its own. Losing the connection is losing the lock, so it
 * aborts `lead`. Trying again and again rather than waiting in the lock's queue: a waiting statement would hold back
 * vacuum for as long as it waits.
 */
export function competeForLeadership({ url, lockName, log, lead }: LeadershipOptions): Leadership {
  const stop = new AbortController();
  let leading = false;
  let knownAt = performance.now();

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        await compete();
      } catch (err) {
        if (!stop.signal.aborted) log.warn({ err }, "cannot compete for leadership; retrying");
      }
      await pause();
    }
  }

  async function compete(): Promise<void> {
    const client = new pg.Client({
      connectionString: url,
      application_name: "prebuildd leader",
      connectionTimeoutMillis: 10_000,
      query_timeout: 10_000,
      keepAlive: true,
    });
    const lost = new AbortController();
    client.on("error", (err) => lost.abort(err));
    client.on("end", () => lost.abort(new Error("the leader's database connection ended")));
    try {
      await client.connect();
      await client.query(NOTICE_DEAD_CLIENTS);
      while (!stop.signal.aborted && !lost.signal.aborted) {
        if (await tryLock(client, lockName)) {
          await leadUntil(client, AbortSignal.any([stop.signal, lost.signal]));
        } else {
          await pause();
        }
      }
    } finally {
      await closeClient(client).catch((err: Error) => log.debug({ err }, "closing the leader's connection"));
    }
  }

  async function leadUntil(client: pg.Client, signal: AbortSignal): Promise<void> {
    const ended = new AbortController();
    const either = AbortSignal.any([signal, ended.signal]);
    leading = true;
    log.info("this replica leads now");
    const work = lead(either).finally(() => ended.abort());
    const watch = watchConnection(client, either).catch((err: Error) => ended.abort(err));
    try {
      await work;
    } finally {
      leading = false;
      await watch;
      log.info("this replica no longer leads");
    }
    await client.query("select pg_advisory_unlock(hashtextextended($1, 0))", [lockName]).catch((err: Error) => {
      log.debug({ err }, "the lock went with its connection");
    });
  }

  /** A connection that is cut silently only shows when it is used. */
  async function watchConnection(client: pg.Client, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await client.query("select 1");
      knownAt = performance.now();
      await delay(TRY_MS, undefined, { signal }).catch(() => {});
    }
  }

  async function tryLock(client: pg.Client, name: string): Promise<boolean> {
    const { rows } = await client.query<{ locked: boolean }>(
      "select pg_try_advisory_lock(hashtextextended($1, 0)) as locked",
      [name],
    );
    knownAt = performance.now();
    return rows[0]?.locked === true;
  }

  async function pause(): Promise<void> {
    await delay(TRY_MS, undefined, { signal: stop.signal }).catch(() => {});
  }

  const running = run();
  return {
    get isLeader() {
      return leading;
    },
    idleMs: () => performance.now() - knownAt,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}
