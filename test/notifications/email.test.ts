import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import type { Context } from "../../src/context.ts";
import { createMailer } from "../../src/notifications/email.ts";
import type { NotifiedPool } from "../../src/notifications/event.ts";
import { waitFor } from "../support/wait-for.ts";
import {
  claimOf,
  givenDelivery,
  givenNotified,
  givenReceiver,
  messages,
  never,
  replacedBy,
  settled,
  tell,
  webhookAt,
} from "./support.ts";

type Mail = { readonly to: string[]; readonly content: string };
const MAIL = { id: "one", to: "ann@example.com", subject: "Hello", text: "World" };

/** A real mail server, without encryption and without passwords unless the test says otherwise. */
async function givenMailServer(t: TestContext, options: SMTPServerOptions = {}) {
  const mails: Mail[] = [];
  const server = new SMTPServer({
    authOptional: true,
    hideSTARTTLS: true,
    closeTimeout: 100,
    onData(stream, session, done) {
      void text(stream).then((content) => {
        mails.push({ to: session.envelope.rcptTo.map(({ address }) => address), content });
        done();
      });
    },
    ...options,
  });
  server.on("error", () => {}); // who gives up a connection is not this server's failure
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  t.after(() => new Promise<void>((done) => server.close(done)));
  const { port } = server.server.address() as AddressInfo;
  const smtp = (login = "") => ({ url: `smtp://${login}127.0.0.1:${port}`, from: "Pools <pools@example.com>" });
  return { mails, smtp };
}

function givenMailer(t: TestContext, settings: Parameters<typeof createMailer>[0]) {
  const mailer = createMailer(settings);
  t.after(() => mailer[Symbol.dispose]());
  return mailer;
}

test("each administrator gets a mail that says what has happened, with the message's id", async (t) => {
  const { context, pool } = await givenNotified(t, { admins: 2, channels: ["email"] });
  const { mails, smtp } = await givenMailServer(t);
  await tell(context, replacedBy(pool, claimOf(1)));
  givenDelivery(t, context, { smtp: smtp() });
  const [first] = await settled(context);
  assert.deepEqual(mails.map(({ to }) => to).sort(), [["ann-0@example.com"], ["ann-1@example.com"]]);
  const { content = "" } = mails.find(({ to }) => to.includes("ann-0@example.com")) ?? {};
  assert.match(content, new RegExp(`^Message-ID: <${first?.id}@example.com>`, "m"));
  assert.match(content, /^From: Pools <pools@example.com>\r$/m);
  assert.match(content, /^To: ann-0@example.com\r$/m);
  assert.match(content, /^Subject: A claim from the pool template-\S+ has replaced 1\s+resource/m);
  assert.match(content, /^- docker_image\.main: name\r$/m);
});

test("a mail server that refuses one recipient keeps none of the others from being told", async (t) => {
  const { context, pool } = await givenNotified(t, { admins: 3, channels: ["email"] });
  const { mails, smtp } = await givenMailServer(t, {
    onRcptTo: ({ address }, _, done) => done(address.startsWith("ann-1") ? new Error("no such mailbox") : undefined),
  });
  await tell(context, replacedBy(pool, claimOf(1)));
  givenDelivery(t, context, { smtp: smtp() });
  const all = await waitFor("an attempt for each", async () => {
    const found = await messages(context);
    return found.every(({ status, error }) => status === "sent" || error !== "") ? found : undefined;
  });
  assert.equal(mails.length, 2);
  assert.deepEqual(
    all.map(({ status }) => status),
    ["sent", "waiting", "sent"],
  );
  assert.match(all[1]?.error ?? "", /^the mail server did not take the message: .*no such mailbox/);
});

test("who has been suspended or deleted since gets no mail any more", async (t) => {
  const { context, pool, admins } = await givenNotified(t, { admins: 3, channels: ["email"] });
  const { mails, smtp } = await givenMailServer(t);
  await tell(context, replacedBy(pool, claimOf(1)));
  await context.pool.query("update users set status = 'suspended' where id = $1", [admins[0]?.id]);
  await context.pool.query("update users set deleted = true where id = $1", [admins[1]?.id]);
  givenDelivery(t, context, { smtp: smtp() });
  assert.deepEqual(
    (await settled(context)).map(({ username, status, error }) => [username, status, error]),
    [
      ["ann-0", "failed", "the user has been suspended or deleted"],
      ["ann-1", "failed", "the user has been suspended or deleted"],
      ["ann-2", "sent", ""],
    ],
  );
  assert.deepEqual(
    mails.map(({ to }) => to),
    [["ann-2@example.com"]],
  );
});

/** As many pools as have more messages than a channel has places, each with something to tell. */
async function givenMany(context: Context, pool: NotifiedPool) {
  const pools = Array.from({ length: 12 }, (_, index) => ({ ...pool, preset: `pool-${index}` }));
  for (const about of pools) await tell(context, replacedBy(about, claimOf(1)));
  return pools.length;
}

test("a webhook that hangs holds up no mail", async (t) => {
  const { context, pool } = await givenNotified(t, { channels: ["webhook", "email"] });
  const receiver = await givenReceiver(t, () => {});
  const { mails, smtp } = await givenMailServer(t);
  const count = await givenMany(context, pool);
  givenDelivery(t, context, { webhook: webhookAt(receiver.url), smtp: smtp() });
  await waitFor("all mails", () => mails.length === count || undefined);
});

test("a mail server that hangs holds up no webhook", async (t) => {
  const { context, pool } = await givenNotified(t, { channels: ["webhook", "email"] });
  const receiver = await givenReceiver(t);
  const { smtp } = await givenMailServer(t, { onMailFrom: () => {} });
  const count = await givenMany(context, pool);
  givenDelivery(t, context, { webhook: webhookAt(receiver.url), smtp: smtp() });
  await waitFor("all to be posted", () => receiver.posted.length === count || undefined);
  assert.ok(
    (await messages(context)).every(({ error }) => error === ""),
    "while no mail has been given back",
  );
});

test("a mail server that hangs is left after its time, and asked again on a new connection", async (t) => {
  let isHanging = true;
  const { mails, smtp } = await givenMailServer(t, {
    onMailFrom: (_, __, done) => {
      if (!isHanging) done();
    },
  });
  const mailer = givenMailer(t, smtp());
  const limit = new AbortController();
  const startedAt = performance.now();
  setTimeout(() => limit.abort(new Error("it took longer than 0.2 s")), 200);
  await assert.rejects(
    mailer.send(MAIL, limit.signal),
    /^Error: the mail server did not take .*: it took longer than 0.2 s$/,
  );
  assert.ok(performance.now() - startedAt < 3_000, "and not only when nothing has come for long");
  isHanging = false;
  await mailer.send(MAIL, never);
  assert.equal(mails.length, 1);
});

test("the password is sent where the server asks for it, and a wrong one is told without being shown", async (t) => {
  const { mails, smtp } = await givenMailServer(t, {
    authOptional: false,
    allowInsecureAuth: true,
    onAuth: ({ username, password }, _, done) =>
      done(username === "bot" && password === "pass@word" ? null : new Error("wrong password"), {
        user: username ?? "",
      }),
  });
  await givenMailer(t, smtp("bot:pass%40word@")).send(MAIL, never);
  assert.equal(mails.length, 1);
  const refused = givenMailer(t, smtp("bot:guessed@")).send(MAIL, never);
  await assert.rejects(refused, ({ message }: Error) => {
    assert.match(message, /^the mail server did not take the message: .*wrong password/);
    return !message.includes("guessed");
  });
});

test("a server that offers encryption has to show a certificate that is trusted", async (t) => {
  const { mails, smtp } = await givenMailServer(t, { hideSTARTTLS: false });
  await assert.rejects(givenMailer(t, smtp()).send(MAIL, never), /did not take the message: .*certificate/);
  assert.equal(mails.length, 0);
  const { url, from } = smtp();
  await givenMailer(t, { url: `${url}?tls.rejectUnauthorized=false`, from }).send(MAIL, never);
  assert.equal(mails.length, 1);
});

test("nothing in names and addresses becomes a header or a recipient", async (t) => {
  const { mails, smtp } = await givenMailServer(t);
  const mailer = givenMailer(t, smtp());
  await mailer.send({ ...MAIL, subject: "Hello\r\nBcc: eve@example.com\r\n\r\nbody" }, never);
  assert.deepEqual(mails[0]?.to, ["ann@example.com"]);
  assert.doesNotMatch(mails[0]?.content ?? "", /^Bcc:/im);
  for (const to of ["ann@example.com, eve@example.com", "ann@example.com>\r\nRCPT TO:<eve@example.com"]) {
    await mailer.send({ ...MAIL, to }, never).catch(() => {});
  }
  assert.ok(!mails.some(({ to }) => to.includes("eve@example.com")));
});
