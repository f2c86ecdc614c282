import assert from "node:assert/strict";
import { test } from "node:test";
import { createMissWatch } from "../../src/notifications/miss-watch.ts";
import { forgetMessages } from "../../src/notifications/store.ts";
import { givenSibling } from "../support/given-presets.ts";
import { claimOf, givenNotified, messages, replacedBy, tell, tellAll } from "./support.ts";

test("requests that found nothing are told of together, with their number, for each pool", async (t) => {
  const { context, pool } = await givenNotified(t);
  const given = { ...pool, versionId: pool.templateVersionId };
  const large = await givenSibling(context, given, { name: "large", desired: 2 });
  const watch = createMissWatch(context);
  await watch.flush();
  await tellAll(context);
  assert.deepEqual(await messages(context), []);
  for (const presetId of [pool.presetId, large.presetId, pool.presetId]) watch.onMiss(presetId);
  await watch.flush();
  await watch.flush();
  await tellAll(context);
  const told = await messages(context);
  assert.deepEqual(told.map(({ data }) => data.misses).sort(), [1, 2]);
});

test("a pool that is to be empty now, and one that is gone, are not worth telling of", async (t) => {
  const { context, pool } = await givenNotified(t, { desired: 0 });
  const watch = createMissWatch(context);
  watch.onMiss(pool.presetId);
  watch.onMiss("00000000-0000-4000-8000-000000000000");
  await watch.flush();
  await tellAll(context);
  assert.deepEqual(await messages(context), []);
  await context.pool.query(
    `insert into template_version_preset_prebuild_schedules (preset_id, cron_expression, desired_instances)
     values ($1, '* * * * *', 1)`,
    [pool.presetId],
  );
  await context.pool.query("update template_version_presets set scheduling_timezone = 'UTC'");
  watch.onMiss(pool.presetId);
  await watch.flush();
  await tellAll(context);
  assert.deepEqual(
    (await messages(context)).map(({ data }) => data.misses),
    [1],
    "its schedule says otherwise",
  );
});

test("what could not be told is told the next time", async (t) => {
  const { context, pool } = await givenNotified(t);
  const watch = createMissWatch(context);
  watch.onMiss(pool.presetId);
  await context.pool.query("alter table notification_events rename to elsewhere");
  await assert.rejects(watch.flush());
  await context.pool.query("alter table elsewhere rename to notification_events");
  watch.onMiss(pool.presetId);
  await watch.flush();
  await tellAll(context);
  assert.deepEqual(
    (await messages(context)).map(({ data }) => data.misses),
    [2],
  );
});

test("old messages are forgotten, newer ones are kept", async (t) => {
  const { context, pool } = await givenNotified(t);
  await tell(context, replacedBy(pool, claimOf(1)));
  for (const table of ["messages", "digests"]) {
    await context.pool.query(`update notification_${table} set created_at = now() - interval '2 days'`);
  }
  await tell(context, replacedBy(pool, claimOf(2)));
  assert.equal(await forgetMessages(context.pool, new Date(Date.now() - 86_400_000)), 1);
  assert.deepEqual(
    (await messages(context)).map(({ data }) => data.claims?.[0]?.workspace),
    ["dev-2"],
  );
});
