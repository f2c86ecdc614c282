import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import type { Logger } from "../log.ts";
import { closeClient } from "./connection.ts";

export type Listener = AsyncDisposable & {
  /** Whether notifications arrive at the moment. */
  readonly connected: boolean;
};

type ListenOptions = {
  /** A direct connection: LISTEN does not survive a transaction pooler. */
  readonly url: string;
  readonly channels: readonly string[];
  onNotification(channel: string, payload: string): void;
  /** Called after every (re)subscription, because what was sent in between is lost. */
  onSubscribed(): void;
  readonly log: Logger;
};

/** How often a quiet connection is tried, and how long the answer may take. */
const PROBE_MS = 10_000;
const RETRY_MS = { first: 200, longest: 5_000 } as const;

/** Listens on its own connection and comes back by itself when that is lost. */
export function listen({ url, channels, onNotification, onSubscribed, log }: ListenOptions): Listener {
  const stop = new AbortController();
  let connected = false;

  async function subscribe(): Promise<void> {
    const client = new pg.Client({
      connectionString: url,
      application_name: "prebuildd listen",
      connectionTimeoutMillis: 10_000,
      keepAlive: true,
      query_timeout: PROBE_MS,
    });
    const lost = Promise.withResolvers<Error | undefined>();
    client.on("error", lost.resolve);
    client.on("end", () => lost.resolve(undefined));
    client.on("notification", ({ channel, payload }) => onNotification(channel, payload ?? ""));
    const onStop = () => lost.resolve(undefined);
    stop.signal.addEventListener("abort", onStop, { once: true });
    // A connection that was cut silently only shows when it is used.
    const probe = setInterval(() => client.query("select 1").catch(lost.resolve), PROBE_MS);
    try {
      await client.connect();
      for (const channel of channels) await client.query(`listen ${pg.escapeIdentifier(channel)}`);
      connected = true;
      onSubscribed();
      const err = await lost.promise;
      if (!stop.signal.aborted) log.warn({ err }, "lost the connection that listens for notifications; reconnecting");
    } finally {
      connected = false;
      clearInterval(probe);
      stop.signal.removeEventListener("abort", onStop);
      await closeClient(client).catch((err: Error) => log.debug({ err }, "closing a lost connection"));
    }
  }

  async function run(): Promise<void> {
    let wait: number = RETRY_MS.first;
    while (!stop.signal.aborted) {
      try {
        await subscribe();
        wait = RETRY_MS.first;
      } catch (err) {
        log.warn({ err }, "cannot listen for notifications; retrying");
      }
      // Jitter, so that replicas do not all come back in the same instant after the database has been away.
      await delay(wait * (0.5 + Math.random() / 2), undefined, { signal: stop.signal }).catch(() => {});
      wait = Math.min(wait * 2, RETRY_MS.longest);
    }
  }

  const running = run();
  return {
    get connected() {
      return connected;
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}
