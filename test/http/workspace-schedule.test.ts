import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { givenBuild } from "../support/given-prebuild.ts";
import { CALLERS } from "./callers.ts";
import { newEntries, untilSomebodyWaits } from "./effects.ts";
import {
  after,
  assertRefused,
  givenClaimable,
  givenLifecycle,
  givenOwned,
  HOUR,
  MINUTE,
  MONDAY,
  setDeadlines,
  setTemplate,
} from "./lifecycle.ts";
import { givenUser, type TestUser } from "./server.ts";

const BERLIN = "CRON_TZ=Europe/Berlin 30 9 * * 1-5";
const entry = { by: "alice", action: "write", type: "workspace", target: "alice/dev" };

/** Each thing that can be set, with a value that a running workspace takes; the clock shows MONDAY. */
const SETTINGS = [
  { what: "autostart", json: { schedule: BERLIN }, named: "autostart" },
  { what: "ttl", json: { ttl_ms: 2 * HOUR }, named: "autostop" },
  { what: "extend", json: { deadline: after(3 * HOUR) }, named: "the extension of deadlines" },
  { what: "dormant", json: { dormant: true }, named: "dormancy" },
];

describe("autostart", () => {
  it("is set with the next start that follows from it, and taken away with it", async (t) => {
    const { server, put, stored, dev } = await givenLifecycle(t);
    await newEntries(server);
    assert.equal((await put("autostart", { schedule: ` ${BERLIN} ` })).statusCode, 204);
    const nextStart = new Date("2024-01-01T08:30:00Z");
    const { autostart_schedule, next_start_at } = await stored();
    assert.deepEqual([autostart_schedule, next_start_at], [BERLIN, nextStart]);
    const shown = (await server.send("GET", `/api/v2/workspaces/${dev.id}`, { as: server.alice })).json();
    assert.deepEqual([shown.autostart_schedule, shown.next_start_at], [BERLIN, nextStart.toISOString()]);
    assert.deepEqual(await newEntries(server), [
      { ...entry, diff: { autostart_schedule: { old: null, new: BERLIN } } },
    ]);
    assert.equal((await put("autostart", { schedule: BERLIN })).statusCode, 204);
    assert.deepEqual(await newEntries(server), [], "nothing has changed");
    for (const schedule of ["", null]) {
      await put("autostart", { schedule: BERLIN });
      assert.equal((await put("autostart", { schedule })).statusCode, 204);
      const now = await stored();
      assert.deepEqual([now.autostart_schedule, now.next_start_at], [null, null]);
    }
  });

  it("starts on the days only that the template allows", async (t) => {
    const { put, stored } = await givenLifecycle(t, { autostart_days: 4 }); // Wednesday
    assert.equal((await put("autostart", { schedule: BERLIN })).statusCode, 204);
    assert.deepEqual((await stored()).next_start_at, new Date("2024-01-03T08:30:00Z"));
    assertRefused(await put("autostart", { schedule: "0 9 * * 1" }), "schedule", /never comes true .* wednesday$/);
    assert.deepEqual((await stored()).autostart_schedule, BERLIN);
  });

  it("is not set to what cannot be read or never comes", async (t) => {
    const { put, stored } = await givenLifecycle(t);
    for (const [schedule, detail] of [
      ["CRON_TZ=Europe/Bonn 30 9 * * 1-5", /Europe\/Bonn, which does not exist/],
      ["CRON_TZ=+01:00 30 9 * * 1-5", /offset/],
      ["0 30 9 * * 1-5", /six fields|6 fields/],
      ["soon", /one field/],
      ["0 9 30 2 *", /never comes true/],
      [7, /text or null/],
      ["x".repeat(257), /at most 256/],
    ] as const) {
      assertRefused(await put("autostart", { schedule }), "schedule", detail);
    }
    assert.equal((await put("autostart", {})).statusCode, 400);
    assert.equal((await put("autostart", { schedule: null, more: 1 })).statusCode, 400);
    assert.equal((await stored()).autostart_schedule, null);
  });

  it("cannot be set where the template does not let people choose, and can be taken away", async (t) => {
    const { server, template, put, stored } = await givenLifecycle(t);
    await put("autostart", { schedule: BERLIN });
    await setTemplate(server, template, { allow_user_autostart: false });
    assertRefused(await put("autostart", { schedule: "0 9 * * *" }), "schedule", /does not let people choose/);
    assert.equal((await put("autostart", { schedule: null })).statusCode, 204);
    assert.equal((await stored()).autostart_schedule, null);
  });
});

describe("the ttl", () => {
  it("counts from the next start, and leaves what runs as it is", async (t) => {
    const { server, dev, put, stored } = await givenLifecycle(t);
    await setDeadlines(server, dev.buildId, after(HOUR), after(9 * HOUR));
    await newEntries(server);
    assert.equal((await put("ttl", { ttl_ms: 2 * HOUR })).statusCode, 204);
    const { ttl_ms, deadline, latest_deadline } = await stored();
    assert.deepEqual([ttl_ms, deadline, latest_deadline], [2 * HOUR, after(HOUR), after(HOUR)]);
    assert.deepEqual(await newEntries(server), [{ ...entry, diff: { ttl_ms: { old: null, new: 2 * HOUR } } }]);
    assert.equal((await put("ttl", { ttl_ms: 2 * HOUR })).statusCode, 204);
    assert.deepEqual(await newEntries(server), []);
  });

  for (const ttl_ms of [0, null]) {
    it(`that is taken away with ${ttl_ms} lets what runs go on until it must stop, if it must`, async (t) => {
      const { server, dev, put, stored } = await givenLifecycle(t);
      await put("ttl", { ttl_ms: 2 * HOUR });
      for (const latest of [after(9 * HOUR), null]) {
        await put("ttl", { ttl_ms: 2 * HOUR });
        await setDeadlines(server, dev.buildId, after(HOUR), latest);
        await newEntries(server);
        assert.equal((await put("ttl", { ttl_ms })).statusCode, 204);
        const now = await stored();
        assert.deepEqual(
          [now.ttl_ms, now.deadline, now.max_deadline, now.latest_deadline],
          [null, latest, latest, latest],
        );
        const deadline = { old: after(HOUR).toISOString(), new: latest?.toISOString() ?? null };
        assert.deepEqual(await newEntries(server), [
          { ...entry, diff: { ttl_ms: { old: 2 * HOUR, new: null }, deadline } },
        ]);
      }
    });
  }

  it("is refused when it is too long, too short, no number or not the people's to choose", async (t) => {
    const { server, template, put, stored } = await givenLifecycle(t);
    for (const ttl_ms of [59_999, 30 * 24 * HOUR + 1, -1, MINUTE + 0.5, "8h"]) {
      assertRefused(await put("ttl", { ttl_ms }), "ttl_ms", /0, or from 60000/);
    }
    assert.equal((await put("ttl", {})).statusCode, 400);
    await setTemplate(server, template, { max_ttl: 12 * HOUR * 1e6 });
    assertRefused(await put("ttl", { ttl_ms: 12 * HOUR + 1 }), "ttl_ms", /^must be 12h at most/);
    for (const ttl_ms of [0, null]) {
      assertRefused(await put("ttl", { ttl_ms }), "ttl_ms", /^must be given: .* 12h at most$/);
    }
    assert.equal((await put("ttl", { ttl_ms: 12 * HOUR })).statusCode, 204);
    await setTemplate(server, template, { allow_user_autostop: false });
    for (const ttl_ms of [HOUR, null]) assertRefused(await put("ttl", { ttl_ms }), "ttl_ms", /^cannot be chosen/);
    assert.equal((await stored()).ttl_ms, 12 * HOUR);
  });
});

describe("the deadline", () => {
  it("is put off, and drawn nearer, within what is allowed", async (t) => {
    const { server, dev, put, stored } = await givenLifecycle(t);
    await setDeadlines(server, dev.buildId, after(HOUR), after(9 * HOUR));
    await newEntries(server);
    let old = after(HOUR);
    for (const deadline of [after(9 * HOUR), after(30 * MINUTE)]) {
      const answer = await put("extend", { deadline });
      const text = deadline.toISOString();
      assert.deepEqual([answer.statusCode, answer.json().deadline], [200, text], answer.body);
      assert.ok(answer.json().message.includes(text));
      const now = await stored();
      assert.deepEqual([now.deadline, now.latest_deadline, now.max_deadline], [deadline, deadline, after(9 * HOUR)]);
      const diff = { deadline: { old: old.toISOString(), new: text } };
      assert.deepEqual(await newEntries(server), [{ ...entry, diff }]);
      old = deadline;
    }
    assert.equal((await put("extend", { deadline: "2024-01-01T09:30:00+01:00" })).statusCode, 200);
    assert.deepEqual(await newEntries(server), [], "it is the same instant");
  });

  it("is refused when it is too near, too late or no instant", async (t) => {
    const { server, dev, put, stored } = await givenLifecycle(t);
    await setDeadlines(server, dev.buildId, after(HOUR), after(9 * HOUR));
    for (const [deadline, detail] of [
      [after(30 * MINUTE - 1), /^must be 30m to 30d from now$/],
      [after(-HOUR), /30m/],
      ["0000-01-01T00:00:00Z", /30m/],
      ["9999-01-01T00:00:00Z", /30m to 30d/],
      [after(9 * HOUR + 1), /2024-01-01T17:00:00.000Z, when the workspace has to stop/],
      ["tomorrow", /an instant such as/],
      ["2024-02-30T00:00:00Z", /an instant such as/],
      [1_704_100_000_000, /an instant such as/],
      [null, /an instant such as/],
    ] as const) {
      assertRefused(await put("extend", { deadline }), "deadline", detail);
    }
    assert.deepEqual((await stored()).deadline, after(HOUR));
  });

  it("can be changed only while the workspace runs and has one", async (t) => {
    const { server, template, put } = await givenLifecycle(t);
    const json = { deadline: after(2 * HOUR) };
    for (const [given, message] of [
      [{}, /has no deadline/],
      [{ transition: "stop" }, /is not running/],
      [{ job: "failed" }, /is not running/],
      [{ job: "canceled" }, /is not running/],
      [{ job: "pending" }, /under way/],
      [{ job: "running" }, /under way/],
      [{ job: "canceling" }, /under way/],
    ] as const) {
      const deadline = message.source.includes("no deadline") ? {} : { deadline: after(HOUR) };
      const name = `w-${Object.values(given).join("") || "none"}`;
      const { id } = await givenOwned(server, template, { name, ...given, ...deadline });
      const answer = await put("extend", json, server.alice, id);
      assert.equal(answer.statusCode, 409, answer.body);
      assert.match(answer.json().message, message);
    }
  });

  it("is not put off for a workspace that somebody stops at the same moment", async (t) => {
    const { server, template, dev, put, stored } = await givenLifecycle(t);
    await setDeadlines(server, dev.buildId, after(HOUR));
    const client = await server.pool.connect();
    t.after(() => client.release(true));
    await client.query("begin");
    await client.query("select from workspaces where id = $1 for no key update", [dev.id]);
    const extended = put("extend", { deadline: after(2 * HOUR) });
    await untilSomebodyWaits(server);
    const preset = { versionId: template.versionId, presetId: template.plainId };
    const acting = { pool: client as unknown as typeof server.pool, clock: server.context.clock };
    await givenBuild(acting, dev.id, preset, { transition: "stop", status: "pending", initiatorId: server.alice.id });
    await client.query("commit");
    const answer = await extended;
    assert.deepEqual([answer.statusCode, /under way/.test(answer.body)], [409, true], answer.body);
    assert.deepEqual([(await stored()).transition, (await stored()).deadline], ["stop", null]);
  });
});

describe("of a prebuild", () => {
  it("nothing of the lifecycle can be set, which says what and what to do, and all of it after the claim", async (t) => {
    const { server, template, put, stored } = await givenLifecycle(t);
    const prebuild = await givenClaimable(server, template);
    const before = await stored(prebuild.id);
    await newEntries(server);
    for (const { what, json, named } of SETTINGS) {
      const answer = await put(what, json, server.admin, prebuild.id);
      const message = `prebuild-1 is a prebuild, which stands outside of ${named} until somebody claims it; claim it first`;
      assert.deepEqual([answer.statusCode, answer.json().message], [409, message]);
      assert.equal((await put(what, json, server.alice, prebuild.id)).statusCode, 404, "who does not see it");
    }
    assert.deepEqual([await stored(prebuild.id), await newEntries(server)], [before, []]);
    await prebuild.claim();
    await server.pool.query("update workspace_builds set deadline = $2 where workspace_id = $1 and build_number = 2", [
      prebuild.id,
      after(HOUR),
    ]);
    for (const { what, json } of SETTINGS) {
      const answer = await put(what, json, server.alice, prebuild.id);
      assert.ok(answer.statusCode < 300, `${what}: ${answer.body}`);
    }
    const now = await stored(prebuild.id);
    assert.deepEqual([now.autostart_schedule, now.ttl_ms, now.dormant_at], [BERLIN, 2 * HOUR, MONDAY]);
  });
});

describe("the right to change a workspace", () => {
  for (const { what, json } of [...SETTINGS, { what: "usage", json: {} }]) {
    it(`is what ${what} needs`, async (t) => {
      const { server, template } = await givenLifecycle(t);
      const method = what === "usage" ? "POST" : "PUT";
      const callers: [string, TestUser][] = await Promise.all(
        Object.entries(CALLERS).map(
          async ([who, given]) => [who, await givenUser(server, given)] as [string, TestUser],
        ),
      );
      for (const [who, as] of [...callers, ["nobody", server.nobody], ["of elsewhere", server.bob]] as const) {
        const { id } = await givenOwned(server, template, { name: `w-${as.username}`, deadline: after(HOUR) });
        const answer = await server.send(method, `/api/v2/workspaces/${id}/${what}`, { as, json });
        const isAdmin = who === "owner" || who.startsWith("organization-admin");
        const reads = who.endsWith("template-admin");
        assert.equal(answer.statusCode, isAdmin ? answer.statusCode : reads ? 403 : 404, `${who}: ${answer.body}`);
        assert.equal(answer.statusCode < 300, isAdmin, `${who}: ${answer.body}`);
      }
    });
  }

  it("is decided on again when it may have been lost while the request waited", async (t) => {
    const { server, dev, put, stored } = await givenLifecycle(t);
    const friend = await givenUser(server);
    const roles = { [friend.id]: "admin" };
    await server.pool.query("update workspaces set user_acl = $2 where id = $1", [dev.id, roles]);
    assert.equal((await put("ttl", { ttl_ms: HOUR }, friend)).statusCode, 204);
    const client = await server.pool.connect();
    t.after(() => client.release(true));
    await client.query("begin");
    await client.query("update workspaces set user_acl = '{}' where id = $1", [dev.id]);
    const asked = put("ttl", { ttl_ms: 2 * HOUR }, friend);
    await untilSomebodyWaits(server);
    await client.query("commit");
    assert.equal((await asked).statusCode, 404);
    assert.equal((await stored()).ttl_ms, HOUR);
  });

  it("ends with the workspace", async (t) => {
    const { server, dev, put } = await givenLifecycle(t);
    await server.pool.query("update workspaces set deleted = true where id = $1", [dev.id]);
    for (const { what, json } of SETTINGS) assert.equal((await put(what, json)).statusCode, 404, what);
    const usage = await server.send("POST", `/api/v2/workspaces/${dev.id}/usage`, { as: server.alice });
    assert.equal(usage.statusCode, 404);
  });
});
