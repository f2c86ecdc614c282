import { setTimeout as delay } from "node:timers/promises";
import type { SmtpSettings, WebhookSettings } from "../config.ts";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { messageOf as textOf } from "../errors.ts";
import { startLoop } from "../loop.ts";
import { WORK, type WorkItem } from "../provisioner/queue.ts";
import { createMailer } from "./email.ts";
import type { NotificationChannel, OutgoingMessage } from "./event.ts";
import { messageOf } from "./message.ts";
import { webhookPayload } from "./payload.ts";
import { closeMessage, markFailed, markSent, markTried, readRecipients } from "./store.ts";
import { createWebhook } from "./webhook.ts";

/** Where messages are delivered to, beside the inbox. */
export type DeliverySettings = {
  readonly webhook: WebhookSettings | undefined;
  readonly smtp: SmtpSettings | undefined;
  /** How long one delivery may take; must stay well below the queue's heartbeat limit, for nobody touches the item. */
  readonly limitMs?: number;
};

/** The channels that are set up; everybody has an inbox. */
export function channelsOf({ webhook, smtp }: DeliverySettings): NotificationChannel[] {
  return ["inbox", ...(webhook ? ["webhook" as const] : []), ...(smtp ? ["email" as const] : [])];
}

/** Delivers messages until it is disposed. */
export type Delivery = AsyncDisposable & {
  /** Looks for messages now. */
  poke(): void;
};

/** How often messages are looked for although no notification came. */
const POLL_MS = 2_000;
const CONCURRENCY = 10;
const LIMIT_MS = 10_000;
/** How long deliveries may still take when the daemon stops; those that are given up may arrive twice. */
const PATIENCE_MS = 2_000;
const DEAD_BATCH = 100;

/**
 * Delivers what is queued, several messages at once and each by itself, at least once. What fails is repeated by the
 * queue, for some minutes in all, and is given up then.
 */
export function startDelivery(
  context: Pick<Context, "pool" | "queue" | "clock" | "log">,
  { webhook, smtp, limitMs = LIMIT_MS }: DeliverySettings,
): Delivery {
  const { pool, queue, clock, log } = context;
  const postWebhook = webhook && createWebhook(webhook);
  const mailer = smtp && createMailer(smtp);
  const stop = new AbortController();
  const running = new Set<Promise<void>>();
  const looking = startLoop({ name: "delivering the messages", intervalMs: POLL_MS, log, work: fill });

  async function fill(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && running.size < CONCURRENCY) {
      const items = await queue.take(WORK.notification, CONCURRENCY - running.size);
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
        await markTried(pool, item.subjectId, reason, clock.now());
        await queue.handBack(WORK.notification, item, reason);
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
    const message = await closeMessage(pool, item.subjectId);
    const isGone = message?.recipient?.isActive === false;
    if (message && !isGone) await limited((signal) => send(message, signal));
    await withTransaction(pool, BEGIN.readWrite, async (client) => {
      if (isGone) await markFailed(client, message.id, "the user has been suspended or deleted", clock.now());
      else if (message) await markSent(client, message.id, clock.now());
      await queue.done(client, WORK.notification, item);
    });
  }

  async function send(message: OutgoingMessage, signal: AbortSignal): Promise<void> {
    const { id, event, channel, data, occurrences, recipient } = message;
    if (channel === "webhook") {
      if (!postWebhook) throw new Error("no webhook is set up any more where it was tried");
      const recipients = await readRecipients(pool, data.pool.organizationId);
      const body = JSON.stringify(webhookPayload(message, recipients));
      await postWebhook({ id, body, now: clock.now() }, signal);
    }
    if (channel === "email" && recipient) {
      if (!mailer) throw new Error("no mail server is set up any more where it was tried");
      const { title, body } = messageOf(event, data, occurrences);
      await mailer.send({ id, to: recipient.email, subject: title, text: body }, signal);
    }
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
    for (const item of await queue.take(WORK.deadNotification, DEAD_BATCH)) {
      const given = await withTransaction(pool, BEGIN.readWrite, async (client) => {
        const failed = await markFailed(client, item.subjectId, null, clock.now());
        await queue.done(client, WORK.deadNotification, item);
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
      mailer?.[Symbol.dispose]();
    },
  };
}
