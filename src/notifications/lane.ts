import { setTimeout as delay } from "node:timers/promises";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { messageOf as textOf } from "../errors.ts";
import { startLoop } from "../loop.ts";
import type { WorkItem, WorkKind } from "../provisioner/queue.ts";
import type { OutgoingMessage } from "./event.ts";
import { closeMessage, markFailed, markSent, markTried } from "./store.ts";

/** Delivers the messages of one channel until it is disposed. */
export type Lane = AsyncDisposable & {
  /** Looks for messages now. */
  poke(): void;
};

export type LaneOptions = {
  readonly name: string;
  /** The kind of work that the channel's messages are, and of those that could not be delivered. */
  readonly kind: WorkKind;
  readonly deadKind: WorkKind;
  /** How long one delivery may take; must stay well below the queue's heartbeat limit, for nobody touches the item. */
  readonly limitMs: number;
  /** @throws an error that says why the message has not arrived */
  send(message: OutgoingMessage, signal: AbortSignal): Promise<void>;
};

/** How often messages are looked for although no notification came. */
const POLL_MS = 2_000;
const CONCURRENCY = 10;
/** How long deliveries may still take when the daemon stops; those that are given up may arrive twice. */
const PATIENCE_MS = 2_000;
const DEAD_BATCH = 100;

/**
 * Delivers what is queued for one channel, several messages at once and each by itself, at least once. What fails is
 * repeated by the queue, for some minutes in all, and is given up then.
 */
export function startLane(
  { pool, queue, clock, log }: Pick<Context, "pool" | "queue" | "clock" | "log">,
  { name, kind, deadKind, limitMs, send }: LaneOptions,
): Lane {
  const stop = new AbortController();
  const running = new Set<Promise<void>>();
  const looking = startLoop({ name, intervalMs: POLL_MS, log, work: fill });

  async function fill(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && running.size < CONCURRENCY) {
      const items = await queue.take(kind, CONCURRENCY - running.size);
      for (const item of items) begin(item);
      if (items.length === 0) break;
    }
    await giveUp();
  }

  function begin(item: WorkItem): void {
    const ended = deliver(item)
      .catch(async (error: unknown) => {
        const reason = textOf(error);
        log.debug({ message: item.subjectId, reason }, "a message could not be delivered; it is tried again");
        await markTried(pool, item.subjectId, reason);
        await queue.handBack(kind, item, reason);
      })
      .catch((err: unknown) => {
        log.warn({ err, message: item.subjectId }, "a message could not be handed back; its heartbeat will end");
      })
      .finally(() => {
        running.delete(ended);
        looking.poke();
      });
    running.add(ended);
  }

  async function deliver(item: WorkItem): Promise<void> {
    const message = await withTransaction(pool, BEGIN.impatient, (client) => closeMessage(client, item.subjectId));
    const isGone = message?.recipient?.isActive === false;
    if (message && !isGone) await limited((signal) => send(message, signal));
    await withTransaction(pool, BEGIN.readWrite, async (client) => {
      if (isGone) await markFailed(client, message.id, "the user has been suspended or deleted");
      else if (message) await markSent(client, message.id, clock.now());
      await queue.done(client, kind, item);
    });
  }

  async function limited(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(new Error(`it took longer than ${limitMs / 1_000} s`)), limitMs);
    try {
      await work(AbortSignal.any([limit.signal, stop.signal]));
    } finally {
      clearTimeout(timer);
    }
  }

  async function giveUp(): Promise<void> {
    for (const item of await queue.take(deadKind, DEAD_BATCH)) {
      const given = await withTransaction(pool, BEGIN.readWrite, async (client) => {
        const failed = await markFailed(client, item.subjectId, null);
        await queue.done(client, deadKind, item);
        return failed;
      });
      if (!given) continue;
      const { channel, recipient, event, error } = given;
      const whom = recipient === null ? "the webhook" : `${recipient} by ${channel}`;
      const text = `a message could not be delivered to ${whom}, and is given up: ${error || "each attempt was cut off"}`;
      log.error({ message: item.subjectId, event, channel, recipient, reason: error }, text);
    }
  }

  return {
    poke: looking.poke,
    async [Symbol.asyncDispose]() {
      await looking[Symbol.asyncDispose]();
      const all = Promise.all(running);
      const patience = new AbortController();
      await Promise.race([all, delay(PATIENCE_MS, undefined, { signal: patience.signal }).catch(() => {})]);
      patience.abort();
      stop.abort(new Error("the daemon was stopped"));
      await all;
    },
  };
}
