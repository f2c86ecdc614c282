import type { SmtpSettings, WebhookSettings } from "../config.ts";
import type { Context } from "../context.ts";
import { startLoop } from "../loop.ts";
import { WORK } from "../provisioner/queue.ts";
import { createMailer } from "./email.ts";
import type { NotificationChannel } from "./event.ts";
import { startLane } from "./lane.ts";
import { messageOf } from "./message.ts";
import { webhookPayload } from "./payload.ts";
import { readRecipients } from "./store.ts";
import { createTeller } from "./tell.ts";
import { createWebhook } from "./webhook.ts";

/** Where messages are delivered to, beside the inbox. */
export type DeliverySettings = {
  readonly webhook: WebhookSettings | undefined;
  readonly smtp: SmtpSettings | undefined;
  /** How long one delivery may take. */
  readonly limitMs?: number;
};

/** The channels that are set up; everybody has an inbox. */
export function channelsOf({ webhook, smtp }: DeliverySettings): NotificationChannel[] {
  return ["inbox", ...(webhook ? ["webhook" as const] : []), ...(smtp ? ["email" as const] : [])];
}

/** Tells people of what has happened until it is disposed. */
export type Delivery = AsyncDisposable & {
  /** Looks for events and messages now. */
  poke(): void;
};

/** How often events are looked for although no notification came. */
const POLL_MS = 2_000;
const LIMIT_MS = 10_000;

/**
 * Puts into inboxes and messages what has happened, and delivers the messages. Each channel has places of its own, so
 * that one that hangs holds up no other.
 */
export function startDelivery(
  context: Pick<Context, "pool" | "queue" | "clock" | "notifications" | "log">,
  { webhook, smtp, limitMs = LIMIT_MS }: DeliverySettings,
): Delivery {
  const { pool, clock, log } = context;
  const postWebhook = webhook && createWebhook(webhook);
  const mailer = smtp && createMailer(smtp);

  const posting = startLane(context, {
    name: "posting to the webhook",
    kind: WORK.webhook,
    deadKind: WORK.deadWebhook,
    limitMs,
    async send(message, signal) {
      if (!postWebhook) throw new Error("no webhook is set up any more where it was tried");
      const recipients = await readRecipients(pool, message.digestId);
      const body = JSON.stringify(webhookPayload(message, recipients));
      await postWebhook({ id: message.id, body, now: clock.now() }, signal);
    },
  });
  const mailing = startLane(context, {
    name: "sending mail",
    kind: WORK.email,
    deadKind: WORK.deadEmail,
    limitMs,
    async send({ id, event, data, occurrences, recipient }, signal) {
      if (!recipient) return;
      if (!mailer) throw new Error("no mail server is set up any more where it was tried");
      const { title, body } = messageOf(event, data, occurrences);
      await mailer.send({ id, to: recipient.email, subject: title, text: body }, signal);
    },
  });

  const tell = createTeller(context);
  const telling = startLoop({
    name: "telling people",
    intervalMs: POLL_MS,
    log,
    async work(signal) {
      const told = await tell(signal);
      if (!told) return;
      posting.poke();
      mailing.poke();
    },
  });

  return {
    poke() {
      telling.poke();
      posting.poke();
      mailing.poke();
    },
    async [Symbol.asyncDispose]() {
      await telling[Symbol.asyncDispose]();
      await Promise.all([posting[Symbol.asyncDispose](), mailing[Symbol.asyncDispose]()]);
      mailer?.[Symbol.dispose]();
    },
  };
}
