import assert from "node:assert/strict";
import { test } from "node:test";
import { WORK } from "../../src/provisioner/queue.ts";
import { waitFor } from "../support/wait-for.ts";
import {
  claimOf,
  givenDelivery,
  givenNotified,
  givenReceiver,
  happen,
  messages,
  replacedBy,
  SECRET,
  settled,
  tell,
  webhookAt,
} from "./support.ts";

test("a message waits until its window is over, and then arrives", async (t) => {
  const { context, pool } = await givenNotified(t, { windowMs: 1_000, channels: ["webhook"] });
  const receiver = await givenReceiver(t);
  const delivery = givenDelivery(t, context, { webhook: webhookAt(receiver.url) });
  const toldAt = performance.now();
  await tell(context, replacedBy(pool, claimOf(1)));
  const [sent] = await waitFor("the message to be sent", async () => {
    delivery.poke();
    const all = await messages(context);
    return all.some(({ status }) => status === "sent") ? all : undefined;
  });
  assert.ok(performance.now() - toldAt >= 900, "not before");
  assert.equal(sent?.occurrences, 1);
});

test("a recipient who cannot be reached keeps nobody else from being told", async (t) => {
  const { context, pool } = await givenNotified(t, { admins: 3, channels: ["inbox", "webhook"] });
  const receiver = await givenReceiver(t, (_, response) => response.writeHead(500).end());
  await tell(context, replacedBy(pool, claimOf(1)));
  givenDelivery(t, context, { webhook: webhookAt(receiver.url) });
  const all = await waitFor("the first attempt", async () => {
    const found = await messages(context);
    const done = found.every(({ channel, status, error }) => (channel === "inbox" ? status === "sent" : error !== ""));
    return done ? found : undefined;
  });
  const webhook = all.find(({ channel }) => channel === "webhook");
  const { origin } = new URL(receiver.url);
  assert.deepEqual([webhook?.status, webhook?.error], ["waiting", `the webhook at ${origin} answered 500`]);
});

test("what fails is tried again, and says the same then", async (t) => {
  const { context, pool } = await givenNotified(t, { windowMs: 60_000, channels: ["webhook"] });
  let attempts = 0;
  const receiver = await givenReceiver(t, (_, response) => {
    attempts += 1;
    response.writeHead(attempts === 1 ? 503 : 200).end();
  });
  await tell(context, replacedBy(pool, claimOf(1)));
  await context.pool.query("update pgboss.job set start_after = now()");
  const delivery = givenDelivery(t, context, { webhook: webhookAt(receiver.url) });
  await waitFor("the first attempt", async () => attempts === 1 || undefined);
  await tell(context, replacedBy(pool, claimOf(2)));
  await waitFor("the second attempt", async () => {
    delivery.poke();
    return (await messages(context))[0]?.status === "sent" || undefined;
  });
  const [first, second] = receiver.posted;
  assert.equal(receiver.posted.length, 2);
  assert.equal(second?.body, first?.body);
  assert.equal(second?.headers["prebuildd-id"], first?.headers["prebuildd-id"]);
  assert.deepEqual(
    (await messages(context)).map(({ status, occurrences, error }) => [status, occurrences, error]),
    [
      ["sent", 1, ""],
      ["waiting", 1, ""],
    ],
  );
});

test("a message that never arrives is given up, and the log says whose it was and why", async (t) => {
  const { context, pool, logged } = await givenNotified(t, { channels: ["webhook"] });
  const receiver = await givenReceiver(t, (_, response) => response.writeHead(404).end());
  await tell(context, replacedBy(pool, claimOf(1)));
  await context.pool.query("update pgboss.job set retry_count = retry_limit");
  givenDelivery(t, context, { webhook: webhookAt(receiver.url) });
  const [message] = await settled(context);
  const error = `the webhook at ${new URL(receiver.url).origin} answered 404`;
  assert.deepEqual([message?.status, message?.error, receiver.posted.length], ["failed", error, 1]);
  const errors = await waitFor("the log", () => {
    const found = logged.filter(({ level }) => level === "error");
    return found.length > 0 ? found : undefined;
  });
  assert.deepEqual(
    errors.map(({ msg }) => msg),
    [`a message could not be delivered to the webhook, and is given up: ${error}`],
  );
  assert.ok(!JSON.stringify(logged).includes(SECRET));
  assert.deepEqual(await context.queue.take(WORK.deadWebhook, 1), []);
});

test("of events that are told at once while messages are delivered none is lost and none is counted twice", async (t) => {
  const { context, pool } = await givenNotified(t, { windowMs: 20, admins: 2, channels: ["inbox", "webhook"] });
  const receiver = await givenReceiver(t);
  const settings = { webhook: webhookAt(receiver.url) };
  const deliveries = [givenDelivery(t, context, settings), givenDelivery(t, context, settings)];
  const EVENTS = 50;
  const numbers = Array.from({ length: EVENTS }, (_, index) => index + 1);
  const telling = Promise.all(
    numbers.map(async (number) => {
      await happen(context, replacedBy(pool, claimOf(number)));
      for (const delivery of deliveries) delivery.poke();
    }),
  );
  await telling;
  const all = await waitFor("all to be delivered", async () => {
    for (const delivery of deliveries) delivery.poke();
    // In this order: what is read after the last event has become part of a message is all.
    const { rows } = await context.pool.query("select from notification_events");
    const found = await messages(context);
    return rows.length === 0 && found.every(({ status }) => status === "sent") ? found : undefined;
  });
  const told = (claims: readonly { workspace: string }[]) => claims.map(({ workspace }) => workspace).sort();
  const expected = told(numbers.map((number) => claimOf(number)));
  for (const recipients of Map.groupBy(all, ({ channel, username }) => `${channel} ${username}`).values()) {
    const occurrences = recipients.reduce((sum, message) => sum + message.occurrences, 0);
    assert.equal(occurrences, EVENTS);
    const claims = recipients.flatMap(({ data }) => data.claims ?? []);
    assert.deepEqual(told(claims), told(claims.filter(({ workspace }) => expected.includes(workspace))));
    const kept = recipients.reduce((sum, message) => sum + Math.min(message.occurrences, 20), 0);
    assert.deepEqual([new Set(told(claims)).size, claims.length], [kept, kept], "each is in one message, once");
  }
  const posted = receiver.posted.map(({ body }) => JSON.parse(body) as { occurrences: number });
  assert.equal(
    posted.reduce((sum, { occurrences }) => sum + occurrences, 0),
    EVENTS,
  );
});
