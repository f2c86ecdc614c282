import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { bitsOf, type DayOfWeek } from "../../src/lifecycle/days.ts";
import { givenPool } from "../support/given.ts";
import { waitFor } from "../support/wait-for.ts";
import { type GivenWorkspace, givenChangingTemplate, HOUR_MS, hours } from "./changing-template.ts";

const DAY_MS = 24 * HOUR_MS;
const on = (...days: DayOfWeek[]) => bitsOf(days);
const ttl = (count: number) => ({ defaultTtlMs: count * HOUR_MS });
const NOTHING = { ttls: 0, nextStarts: 0, deletions: 0, deadlines: 0 };

describe("when a template changes, the ttl of its workspaces", () => {
  it("LIF-08: follows the default where it was the default, and nothing else is written, no prebuild either", async (t) => {
    const { context, workspace, read, change, prebuild } = await givenChangingTemplate(t);
    const [had, has] = [await workspace({ ttlHours: 8 }), await workspace({ ttlHours: 4 })];
    const others = [
      await workspace({ ttlHours: 2 }),
      await workspace(),
      await workspace({ ttlHours: 8, deleted: true }),
      await workspace({ ttlHours: 8, template: await givenPool(context) }),
      (await prebuild()).id,
    ];
    const before = await Promise.all(others.map(read));
    assert.deepEqual(await change(ttl(8), ttl(4)), { ...NOTHING, ttls: 1 });
    assert.deepEqual([(await read(had)).ttlHours, (await read(has)).ttlHours], [4, 4]);
    assert.deepEqual(await Promise.all(others.map(read)), before);
  });

  it("is none where the default is none any more, and the default where it was none", async (t) => {
    const { workspace, read, change } = await givenChangingTemplate(t);
    const id = await workspace({ ttlHours: 8 });
    await change(ttl(8), ttl(0));
    assert.equal((await read(id)).ttlHours, null);
    await change(ttl(0), ttl(6));
    assert.equal((await read(id)).ttlHours, 6);
  });

  it("is the default for all whose owners may not choose any more, and stays when they may again", async (t) => {
    const { workspace, read, change, prebuild } = await givenChangingTemplate(t);
    const ids = [await workspace({ ttlHours: 2 }), await workspace(), await workspace({ ttlHours: 8 })];
    const { id: unclaimed } = await prebuild();
    const ttls = async () => Promise.all(ids.map(async (id) => (await read(id)).ttlHours));
    const before = await read(unclaimed);
    assert.equal((await change(ttl(8), { allowUserAutostop: false })).ttls, 2);
    assert.deepEqual(await ttls(), [8, 8, 8]);
    assert.equal((await change({ ...ttl(8), allowUserAutostop: false }, ttl(6))).ttls, 3);
    assert.deepEqual(await change({ ...ttl(6), allowUserAutostop: false }, { allowUserAutostop: true }), NOTHING);
    assert.deepEqual(await ttls(), [6, 6, 6]);
    await change({ ...ttl(6), allowUserAutostop: false }, ttl(0));
    assert.deepEqual(await ttls(), [null, null, null]);
    assert.deepEqual(await read(unclaimed), before);
  });

  it("is cut to the longest that is allowed, which who had none has then, and grows again for nobody", async (t) => {
    const { workspace, read, change, prebuild } = await givenChangingTemplate(t);
    const ids = [await workspace({ ttlHours: 2 }), await workspace(), await workspace({ ttlHours: 9 })];
    const { id: unclaimed } = await prebuild();
    const ttls = async () => Promise.all(ids.map(async (id) => (await read(id)).ttlHours));
    const before = await read(unclaimed);
    await change(ttl(4), { maxTtlMs: 5 * HOUR_MS });
    assert.deepEqual(await ttls(), [2, 5, 5]);
    await change({ ...ttl(4), maxTtlMs: 5 * HOUR_MS }, { maxTtlMs: 0 });
    assert.deepEqual(await ttls(), [2, 5, 5]);
    assert.deepEqual(await read(unclaimed), before);
  });
});

describe("when a template changes, the next start of its workspaces", () => {
  it("TV-7 173: is the first on an allowed day, none for prebuilds, and written only where it is another", async (t) => {
    const { workspace, read, change, prebuild } = await givenChangingTemplate(t);
    const schedules = ["0 9 * * *", "CRON_TZ=Asia/Tokyo 0 1 * * 1", "0 9 * * 4", "nonsense", undefined];
    const ids: string[] = [];
    for (const schedule of schedules) ids.push(await workspace(schedule === undefined ? {} : { schedule }));
    const { id: unclaimed } = await prebuild();
    const starts = async () =>
      Promise.all(ids.map(async (id) => (await read(id)).next_start_at?.toISOString().slice(0, 16) ?? null));
    const before = await read(unclaimed);
    const monday = { autostartDays: on("monday") };
    assert.equal((await change(monday, { autostartDays: 127 })).nextStarts, 3);
    assert.deepEqual(await starts(), ["2024-01-04T09:00", "2024-01-07T16:00", "2024-01-04T09:00", null, null]);
    await change({}, monday);
    assert.deepEqual(await starts(), ["2024-01-08T09:00", "2024-01-07T16:00", null, null, null]);
    assert.equal((await change(monday, { allowUserAutostart: false })).nextStarts, 2);
    assert.deepEqual(await starts(), [null, null, null, null, null]);
    await change({ ...monday, allowUserAutostart: false }, { allowUserAutostart: true });
    const written = await Promise.all(ids.map(read));
    assert.equal((await change(monday, { autostartDays: on("monday", "sunday") })).nextStarts, 1);
    assert.deepEqual(await starts(), ["2024-01-07T09:00", "2024-01-07T16:00", null, null, null]);
    assert.deepEqual(await read(ids[1] ?? ""), written[1]);
    assert.deepEqual(await read(unclaimed), before);
  });
});

describe("when a template changes, dormant workspaces of it", () => {
  it("TV-7 173: are deleted so long after they became dormant, or never, and only these", async (t) => {
    const { workspace, read, change, prebuild } = await givenChangingTemplate(t);
    const dormant = await workspace({ dormantAt: hours(-48) });
    const others = [
      await workspace(),
      await workspace({ dormantAt: hours(-48), deleted: true }),
      (await prebuild()).id,
    ];
    const before = await Promise.all(others.map(read));
    const after = (days: number) => ({ timeTilDormantAutodeleteMs: days * DAY_MS });
    assert.deepEqual(await change({}, after(3_650)), { ...NOTHING, deletions: 1 });
    assert.deepEqual((await read(dormant)).deleting_at, hours(3_650 * 24 - 48));
    await change(after(3_650), after(7));
    assert.deepEqual((await read(dormant)).deleting_at, hours(5 * 24));
    await change(after(7), after(0));
    assert.deepEqual((await read(dormant)).deleting_at, null);
    assert.deepEqual(await Promise.all(others.map(read)), before);
  });
});

describe("when a template changes, dormant workspaces that would be deleted at once", () => {
  it("are kept for another day, unless they were to go before that", async (t) => {
    const { workspace, read, change } = await givenChangingTemplate(t);
    const long = await workspace({ dormantAt: hours(-48) });
    const first = { timeTilDormantAutodeleteMs: DAY_MS };
    await change({}, first);
    assert.deepEqual((await read(long)).deleting_at, hours(24));
    await change(first, { timeTilDormantAutodeleteMs: DAY_MS / 2 });
    assert.deepEqual((await read(long)).deleting_at, hours(24));
    await change(first, { timeTilDormantAutodeleteMs: 2.5 * DAY_MS });
    assert.deepEqual((await read(long)).deleting_at, hours(12), "not at once");
    await change(first, { timeTilDormantAutodeleteMs: DAY_MS });
    assert.deepEqual((await read(long)).deleting_at, hours(12), "it was to go then");
  });
});

describe("when a template changes, the deadlines of its workspaces that run", () => {
  const daily = (weeks = 1) => ({ autostopRequirement: { days: 127, weeks } });

  it("are their owners' next quiet hours, with two hours of notice, and others are not written", async (t) => {
    const { context, workspace, read, change, prebuild } = await givenChangingTemplate(t);
    const expected: [GivenWorkspace, deadline: Date, maxDeadline: Date][] = [
      [{}, hours(14), hours(14)],
      [{ deadline: hours(20) }, hours(14), hours(14)],
      [{ deadline: hours(3) }, hours(3), hours(14)],
      [{ quietHours: "0 12 * * *" }, hours(2), hours(2)],
      [{ quietHours: "59 11 * * *" }, new Date(hours(26).getTime() - 60_000), new Date(hours(26).getTime() - 60_000)],
      [{ quietHours: "CRON_TZ=Europe/Berlin 30 2 * * *" }, hours(15.5), hours(15.5)],
    ];
    const ids = [];
    for (const [given] of expected) ids.push(await workspace(given));
    const others = [
      await workspace({ transition: "stop" }),
      await workspace({ status: "failed" }),
      await workspace({ status: "running" }),
      await workspace({ deleted: true }),
      await workspace({ template: await givenPool(context) }),
      (await prebuild()).id,
    ];
    const before = await Promise.all(others.map(read));
    assert.deepEqual(await change({}, daily()), { ...NOTHING, deadlines: expected.length });
    for (const [index, [given, deadline, maxDeadline]] of expected.entries()) {
      const row = await read(ids[index] ?? "");
      assert.deepEqual([row.deadline, row.max_deadline], [deadline, maxDeadline], JSON.stringify(given));
    }
    assert.deepEqual(await Promise.all(others.map(read)), before);
    const written = await Promise.all(ids.map(read));
    assert.equal((await change({}, daily())).deadlines, 0, "there already");
    assert.deepEqual(await Promise.all(ids.map(read)), written);
  });

  it("are kept by the workspace's row too, by which the executor finds what is due", async (t) => {
    const { context, workspace, change } = await givenChangingTemplate(t);
    const id = await workspace();
    await change({}, daily());
    const { rows } = await context.pool.query("select latest_deadline from workspaces where id = $1", [id]);
    assert.deepEqual(rows, [{ latest_deadline: hours(14) }]);
  });

  it("come only in the weeks that are required, and stay when nothing is required any more, but may be put off", async (t) => {
    const { workspace, read, change } = await givenChangingTemplate(t);
    const id = await workspace();
    const own = await workspace({ deadline: hours(4) });
    const sundays = { autostopRequirement: { days: on("sunday"), weeks: 2 } };
    await change({}, sundays);
    // The weeks are counted from 2 January 2023; this one ends the 53rd, which has the number 52.
    const stop = new Date("2024-01-07T00:00:00Z");
    assert.deepEqual((await read(id)).max_deadline, stop);
    const everyThird = { autostopRequirement: { days: on("sunday"), weeks: 3 } };
    assert.equal((await change(sundays, everyThird)).deadlines, 2);
    const later = new Date("2024-01-21T00:00:00Z");
    assert.deepEqual([(await read(id)).deadline, (await read(id)).max_deadline], [stop, later]);
    assert.equal((await change(everyThird, { autostopRequirement: { days: 0, weeks: 1 } })).deadlines, 2);
    assert.deepEqual([(await read(id)).deadline, (await read(id)).max_deadline], [stop, null]);
    assert.deepEqual([(await read(own)).deadline, (await read(own)).max_deadline], [hours(4), null]);
  });

  it("are the longest time to live from the end of their start, two hours from now at least", async (t) => {
    const { workspace, read, change, prebuild } = await givenChangingTemplate(t);
    const fresh = await workspace({ startedAt: hours(-1), ttlHours: 9, deadline: hours(8) });
    const old = await workspace({ startedAt: hours(-30) });
    const { id: unclaimed } = await prebuild();
    const before = await read(unclaimed);
    const max = (count: number) => ({ maxTtlMs: count * HOUR_MS });
    await change(ttl(4), max(6));
    assert.deepEqual([(await read(fresh)).deadline, (await read(fresh)).max_deadline], [hours(5), hours(5)]);
    assert.equal((await read(fresh)).ttlHours, 6);
    assert.deepEqual([(await read(old)).deadline, (await read(old)).max_deadline], [hours(2), hours(2)]);
    await change({ ...ttl(4), ...max(6) }, max(24));
    assert.deepEqual([(await read(fresh)).deadline, (await read(fresh)).max_deadline], [hours(5), hours(23)]);
    assert.deepEqual(await read(unclaimed), before);
  });

  it("stay where they are when they are near and known: the two hours are for what is new", async (t) => {
    const { workspace, read, change } = await givenChangingTemplate(t);
    const quiet = { quietHours: "59 11 * * *", deadline: hours(1), maxDeadline: new Date(hours(2).getTime() - 60_000) };
    const stopsSoon = await workspace({ startedAt: hours(-1), ...quiet });
    const endsSoon = await workspace({ startedAt: hours(-17.5), deadline: hours(0.5), maxDeadline: hours(0.5) });
    const lifted = await workspace({ startedAt: hours(-19), deadline: hours(0.25), maxDeadline: hours(0.25) });
    const before = { ...ttl(4), ...daily(), maxTtlMs: 18 * HOUR_MS };
    await change(before, { ...before, maxTtlMs: 20 * HOUR_MS });
    assert.deepEqual((await read(stopsSoon)).max_deadline, quiet.maxDeadline);
    assert.deepEqual((await read(endsSoon)).max_deadline, hours(2.5));
    assert.deepEqual((await read(lifted)).max_deadline, hours(1));
    await change(before, { ...before, maxTtlMs: 10 * HOUR_MS });
    assert.deepEqual((await read(endsSoon)).max_deadline, hours(2), "two hours from now, for it was later");
    assert.deepEqual((await read(lifted)).max_deadline, hours(1), "it was an hour from now already");
    const none = { autostopRequirement: { days: 0, weeks: 1 } };
    assert.deepEqual(await change(none, { autostopRequirement: { days: 0, weeks: 2 } }), NOTHING);
  });

  it("are the earlier one of quiet hours and the longest time to live", async (t) => {
    const { workspace, read, change } = await givenChangingTemplate(t);
    const ids = [await workspace({ startedAt: hours(-1) }), await workspace({ startedAt: hours(-8) })];
    await change(ttl(4), { ...daily(), maxTtlMs: 18 * HOUR_MS });
    const stops = await Promise.all(ids.map(async (id) => (await read(id)).max_deadline));
    assert.deepEqual(stops, [hours(14), hours(10)]);
  });

  it("do not move with the default, which counts from the next start, nor does anything else that does not depend on it", async (t) => {
    const { workspace, read, change } = await givenChangingTemplate(t);
    const template = { ...ttl(8), ...daily(), timeTilDormantAutodeleteMs: DAY_MS };
    const id = await workspace({ ttlHours: 8, deadline: hours(0.5), maxDeadline: hours(0.5) });
    const others = [await workspace({ schedule: "0 9 * * *" }), await workspace({ dormantAt: hours(-1) })];
    const before = await Promise.all(others.map(read));
    assert.deepEqual(await change(template, ttl(2)), { ...NOTHING, ttls: 1 });
    assert.deepEqual([(await read(id)).deadline, (await read(id)).max_deadline], [hours(0.5), hours(0.5)]);
    assert.deepEqual(await Promise.all(others.map(read)), before);
  });

  it("are written after those of a build that is just ending, for which the change waits instead of meeting it half-way", async (t) => {
    const { context, workspace, read, change } = await givenChangingTemplate(t);
    const ids = [await workspace(), await workspace()].sort();
    const [, ending = ""] = ids;
    const client = await context.pool.connect();
    t.after(() => client.release(true));
    await client.query("begin");
    await client.query("select from workspaces where id = $1 for update", [ending]);
    const changed = change({}, daily());
    await waitFor("the change to wait", async () => {
      const { rows } = await context.pool.query(
        "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
      );
      return rows.length > 0;
    });
    await client.query("update workspace_builds set deadline = $2 where workspace_id = $1", [ending, hours(5)]);
    await client.query("commit");
    assert.equal((await changed).deadlines, 2);
    assert.deepEqual([(await read(ending)).deadline, (await read(ending)).max_deadline], [hours(5), hours(14)]);
  });
});
