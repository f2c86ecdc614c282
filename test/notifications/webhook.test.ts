import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { createWebhook } from "../../src/notifications/webhook.ts";
import { waitFor } from "../support/wait-for.ts";
import {
  claimOf,
  givenDelivery,
  givenNotified,
  givenReceiver,
  never,
  replacedBy,
  SECRET,
  settled,
  tell,
  webhookAt,
} from "./support.ts";

const DOCUMENT = { id: "one", body: '{"title":"ü"}', now: new Date(1_750_000_000_500) };

test("the webhook gets the whole message, signed with the secret over the time and the body", async (t) => {
  const { context, pool } = await givenNotified(t, { admins: 2, channels: ["inbox", "webhook"] });
  const receiver = await givenReceiver(t);
  const claim = claimOf(7, { "docker_image.main": ["name", "labels.0"] });
  await tell(context, replacedBy(pool, claim));
  givenDelivery(t, context, { webhook: webhookAt(receiver.url) });
  const message = (await settled(context)).find(({ channel }) => channel === "webhook");
  const { headers, body } = receiver.posted[0] ?? assert.fail("nothing was posted");
  const timestamp = String(headers["prebuildd-timestamp"]);
  assert.ok(Math.abs(Number(timestamp) - Date.now() / 1_000) < 60);
  const signature = createHmac("sha256", SECRET).update(`${timestamp}.${body}`).digest("hex");
  assert.equal(headers["prebuildd-signature"], `v1=${signature}`);
  assert.deepEqual([headers["prebuildd-id"], headers["content-type"]], [message?.id, "application/json"]);
  assert.match(String(headers["user-agent"]), /^prebuildd\/\d/);
  const { created_at, title, body: text, ...rest } = JSON.parse(body);
  assert.ok(Date.parse(created_at) > 0);
  assert.match(title, /has replaced 1 resource$/);
  assert.match(text, /docker_image\.main: name, labels\.0/);
  const replacements = { "docker_image.main": "name, labels.0" };
  assert.deepEqual(rest, {
    id: message?.id,
    event: "resource_replaced",
    template_id: "89d9745a-816e-4695-a17f-3d0a229e2b8d",
    occurrences: 1,
    labels: {
      org: pool.organization,
      template: pool.template,
      template_version: pool.templateVersion,
      preset: pool.preset,
      workspace: "dev-7",
      workspace_build_num: "2",
      claimant: "user-7",
    },
    targets: [claim.workspaceId, pool.templateId, pool.templateVersionId, pool.presetId, pool.organizationId],
    data: {
      replacements,
      claims: [
        {
          at: claim.at,
          workspace_id: claim.workspaceId,
          workspace: "dev-7",
          workspace_build_num: 2,
          claimant_id: claim.claimantId,
          claimant: "user-7",
          replacements,
        },
      ],
    },
    recipients: ["ann-0", "ann-1"],
  });
});

test("a webhook that hangs, or answers drop by drop, is left after its time", async (t) => {
  const { context, pool } = await givenNotified(t, { channels: ["webhook"] });
  const drops: NodeJS.Timeout[] = [];
  t.after(() => drops.forEach(clearInterval));
  const receiver = await givenReceiver(t, (_, response) => {
    response.socket?.write("HTTP/1.1 200 OK\r\nX: ");
    drops.push(setInterval(() => response.socket?.write("x"), 20));
  });
  await tell(context, replacedBy(pool, claimOf(1)));
  await context.pool.query("update pgboss.job set retry_count = retry_limit");
  givenDelivery(t, context, { webhook: webhookAt(receiver.url), limitMs: 300 });
  const [message] = await settled(context);
  assert.match(
    message?.error ?? "",
    /^the webhook at http:\/\/127\.0\.0\.1:\d+ cannot be reached: it took longer than 0\.3 s$/,
  );
});

test("the body of an answer is not waited for, however long it is", async (t) => {
  const drops: NodeJS.Timeout[] = [];
  t.after(() => drops.forEach(clearInterval));
  const receiver = await givenReceiver(t, (_, response) => {
    response.writeHead(200);
    drops.push(setInterval(() => response.write("x".repeat(10_000)), 5));
  });
  await createWebhook(webhookAt(receiver.url))(DOCUMENT, never);
});

test("an answer whose body never ends leaves no connection open", async (t) => {
  let open = 0;
  const receiver = await givenReceiver(t, (request, response) => {
    open += 1;
    request.socket.on("close", () => {
      open -= 1;
    });
    response.writeHead(200, { "content-length": "100" }).flushHeaders();
  });
  const post = createWebhook(webhookAt(receiver.url));
  await Promise.all(Array.from({ length: 20 }, () => post(DOCUMENT, never)));
  await waitFor("the connections to be closed", () => open === 0 || undefined);
  assert.equal(receiver.posted.length, 20);
});

test("a redirect that repeats the request is followed, one that would make another one of it is not", async (t) => {
  const target = (status: number, location: string) => webhookOn(t, status, location);
  const { url: kept, posted } = await target(308, "/other?x=1");
  await assert.rejects(createWebhook(webhookAt(kept))(DOCUMENT, never), /redirects more than 3 times/);
  assert.deepEqual(
    posted.map(({ path, body }) => [path, body]),
    ["/hook", "/other?x=1", "/other?x=1", "/other?x=1"].map((path) => [path, DOCUMENT.body]),
  );
  for (const status of [301, 302, 303]) {
    const { url } = await target(status, "/other");
    await assert.rejects(createWebhook(webhookAt(url))(DOCUMENT, never), new RegExp(`answered ${status}$`));
  }
  for (const location of ["", "ftp://example.com/", "http://"]) {
    const { url } = await target(307, location);
    await assert.rejects(createWebhook(webhookAt(url))(DOCUMENT, never), /redirects to no URL$/);
  }
});

const webhookOn = (t: Parameters<typeof givenReceiver>[0], status: number, location: string) =>
  givenReceiver(t, (_, response) => response.writeHead(status, { location }).end());

test("a redirect to an address that is not public is refused, however it is written, unless it is allowed", async (t) => {
  const inner = await givenReceiver(t);
  const { port } = new URL(inner.url);
  const written = ["127.0.0.1", "localhost", "127.1", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"];
  for (const host of written) {
    const outer = await webhookOn(t, 307, `http://${host}:${port}/inner`);
    const refused = createWebhook(webhookAt(outer.url))(DOCUMENT, never);
    await assert.rejects(
      refused,
      /which is not public; if that is meant, set PREBUILDD_WEBHOOK_ALLOW_PRIVATE=true$/,
      host,
    );
  }
  assert.equal(inner.posted.length, 0);
  for (const host of written.slice(0, 4)) {
    const outer = await webhookOn(t, 307, `http://${host}:${port}/inner`);
    await createWebhook(webhookAt(outer.url, true))(DOCUMENT, never);
  }
  assert.deepEqual([inner.posted.length, inner.posted[0]?.body], [4, DOCUMENT.body]);
});

test("the password in the URL goes to the webhook itself alone, and into no error", async (t) => {
  const inner = await givenReceiver(t, (_, response) => response.writeHead(400).end());
  const outer = await webhookOn(t, 307, inner.url);
  const url = outer.url.replace("http://", "http://bot:pass%20word@");
  const error = await createWebhook(webhookAt(url, true))(DOCUMENT, never).catch((caught: Error) => caught);
  assert.equal(error?.message, `the webhook at ${new URL(inner.url).origin} answered 400`);
  const basic = `Basic ${Buffer.from("bot:pass word").toString("base64")}`;
  assert.deepEqual(
    [outer.posted[0]?.headers.authorization, inner.posted[0]?.headers.authorization],
    [basic, undefined],
  );
  assert.equal(inner.posted[0]?.headers["prebuildd-signature"], outer.posted[0]?.headers["prebuildd-signature"]);
  const closed = createWebhook(webhookAt("http://bot:secret@127.0.0.1:1/private-path"))(DOCUMENT, never);
  await assert.rejects(closed, ({ message }: Error) => {
    assert.match(message, /^the webhook at http:\/\/127\.0\.0\.1:1 cannot be reached: .*ECONNREFUSED/);
    return !/secret|private-path/.test(message);
  });
});
