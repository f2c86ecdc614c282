import assert from "node:assert/strict";
import { test } from "node:test";
import { BEGIN, withTransaction } from "../../src/db/connection.ts";
import type { NotifiedPool } from "../../src/notifications/event.ts";
import { listInbox, markAllRead } from "../../src/notifications/inbox-store.ts";
import { notify } from "../../src/notifications/notify.ts";
import { closeMessage } from "../../src/notifications/store.ts";
import { addMember, createOrganization } from "../../src/organizations/store.ts";
import { createUser } from "../../src/users/store.ts";
import { claimOf, givenAdmin, givenNotified, messages, replacedBy, tell } from "./support.ts";

const ALL = ["inbox", "webhook", "email"] as const;
const failing = (pool: NotifiedPool, reason: string) => ({ event: "preset_hard_limited", pool, reason }) as const;

test("each active template administrator of the site or the organization is told once, and the webhook once", async (t) => {
  const { context, pool } = await givenNotified(t, { channels: ALL, admins: 0 });
  const db = context.pool;
  await givenAdmin(context, "site");
  const member = async (username: string, organizationId: string, siteRoles: string[] = []) => {
    const { id } = await createUser(db, { username, email: `${username}@example.com`, siteRoles });
    await addMember(db, { organizationId, userId: id, roles: ["organization-template-admin"] });
  };
  await member("here", pool.organizationId);
  await member("both", pool.organizationId, ["template-admin"]);
  await member("elsewhere", (await createOrganization(db, { name: "other" })).id);
  for (const change of ["status = 'suspended'", "status = 'dormant'", "deleted = true", "is_system = true"]) {
    const { id } = await givenAdmin(context, change.replaceAll(/[^a-z]/g, "-"));
    await db.query(`update users set ${change} where id = $1`, [id]);
  }
  const { id: silent } = await givenAdmin(context, "silent");
  await db.query("update users set email = '' where id = $1", [silent]);
  await createUser(db, { username: "root", email: "root@example.com", siteRoles: ["owner"] });
  await tell(context, failing(pool, "3 builds in a row have failed"));
  const told = (await messages(context)).map(({ channel, username }) => `${channel} ${username}`);
  assert.deepEqual(told, [
    ...["both", "here", "site"].map((name) => `email ${name}`),
    ...["both", "here", "silent", "site"].map((name) => `inbox ${name}`),
    "webhook null",
  ]);
});

test("RPL-23: two resources replaced in one claim are one message to each administrator, which lists both", async (t) => {
  const { context, pool } = await givenNotified(t, { admins: 2 });
  const replacements = { "docker_image.main": ["name"], 'aws_instance.dev["a"]': ["ami", "tags.owner"] };
  await tell(context, replacedBy(pool, claimOf(1, replacements)));
  const told = await messages(context);
  assert.deepEqual(
    told.map(({ username, occurrences, data }) => [username, occurrences, data.claims?.map((one) => one.replacements)]),
    [
      ["ann-0", 1, [replacements]],
      ["ann-1", 1, [replacements]],
    ],
  );
});

test("equal events within the window are one message, which keeps the newest 20 claims in their order", async (t) => {
  const { context, pool } = await givenNotified(t, { windowMs: 60_000, channels: ["inbox", "webhook"] });
  for (let number = 1; number <= 23; number += 1) await tell(context, replacedBy(pool, claimOf(number)));
  await tell(context, failing(pool, "the first"));
  await tell(context, failing(pool, "the last"));
  await tell(context, { event: "pool_empty", pool, misses: 2 });
  await tell(context, { event: "pool_empty", pool, misses: 40 });
  const [replaced, limited, empty] = (await messages(context)).filter(({ channel }) => channel === "inbox");
  assert.equal(replaced?.occurrences, 23);
  const kept = Array.from({ length: 20 }, (_, index) => `dev-${index + 4}`);
  assert.deepEqual(
    replaced?.data.claims?.map(({ workspace }) => workspace),
    kept,
  );
  assert.deepEqual([limited?.occurrences, limited?.data.reason], [2, "the last"]);
  assert.deepEqual([empty?.occurrences, empty?.data.misses], [42, 42]);
  const { rows } = await context.pool.query(
    "select start_after > now() + interval '50 s' as later from pgboss.job where name = 'prebuildd.webhook'",
  );
  assert.deepEqual(rows, [{ later: true }, { later: true }, { later: true }]);
});

test("a message that was read is unread again when an equal event becomes part of it", async (t) => {
  const { context, pool, admins } = await givenNotified(t, { windowMs: 60_000 });
  const [userId = ""] = admins.map(({ id }) => id);
  await tell(context, replacedBy(pool, claimOf(1)));
  await markAllRead(context.pool, userId, context.clock.now());
  await tell(context, replacedBy(pool, claimOf(2)));
  const { messages: unread } = await listInbox(context.pool, userId, "unread", { limit: 10, offset: 0 });
  assert.deepEqual(
    unread.map(({ occurrences }) => occurrences),
    [2],
  );
});

test("without a window each event is a message of its own", async (t) => {
  const { context, pool } = await givenNotified(t, { windowMs: 0 });
  await tell(context, replacedBy(pool, claimOf(1)));
  await tell(context, replacedBy(pool, claimOf(2)));
  const told = await messages(context);
  assert.deepEqual(
    told.map(({ occurrences, data }) => [occurrences, data.claims?.[0]?.workspace]),
    [
      [1, "dev-1"],
      [1, "dev-2"],
    ],
  );
});

test("events of a new version of the template join those of the old one, events of another pool do not", async (t) => {
  const { context, pool } = await givenNotified(t, { windowMs: 60_000 });
  const next = { ...pool, templateVersion: "next" };
  const other = { ...pool, preset: "large" };
  for (const one of [pool, next, other]) await tell(context, replacedBy(one, claimOf(1)));
  const told = await messages(context);
  assert.deepEqual(
    told.map(({ occurrences, data }) => [occurrences, data]),
    [
      [2, { pool: next, claims: [claimOf(1), claimOf(1)] }],
      [1, { pool: other, claims: [claimOf(1)] }],
    ],
  );
});

test("who is told of something that did not happen after all is told nothing", async (t) => {
  const { context, pool } = await givenNotified(t);
  const undone = withTransaction(context.pool, BEGIN.readWrite, async (client) => {
    await notify(context, client, replacedBy(pool, claimOf(1)));
    throw new Error("undone");
  });
  await assert.rejects(undone, /undone/);
  assert.deepEqual(await messages(context), []);
  const { rows } = await context.pool.query("select id from pgboss.job");
  assert.deepEqual(rows, []);
});

test("an event that comes while its message is being closed is in a message of its own", async (t) => {
  const { context, pool } = await givenNotified(t, { windowMs: 60_000, channels: ["webhook"] });
  await tell(context, replacedBy(pool, claimOf(1)));
  const [{ id } = { id: "" }] = await messages(context);
  let second: Promise<void> | undefined;
  const closed = await withTransaction(context.pool, BEGIN.readWrite, async (client) => {
    const message = await closeMessage(client, id);
    second = tell(context, replacedBy(pool, claimOf(2)));
    return message;
  });
  await second;
  assert.deepEqual(closed?.data.claims, [claimOf(1)]);
  assert.deepEqual(
    (await messages(context)).map(({ occurrences, data }) => [occurrences, data.claims]),
    [
      [1, [claimOf(1)]],
      [1, [claimOf(2)]],
    ],
  );
});

test("the log says when there is nobody to be told, and only then", async (t) => {
  const { context, pool, logged } = await givenNotified(t, { admins: 0 });
  await tell(context, replacedBy(pool, claimOf(1)));
  assert.equal(logged.length, 1);
  assert.equal(logged[0]?.["level"], "warn");
  assert.match(String(logged[0]?.["msg"]), /^there is nobody to be told/);
  await givenAdmin(context, "ann");
  await tell(context, replacedBy(pool, claimOf(1)));
  assert.equal(logged.length, 1);
});
