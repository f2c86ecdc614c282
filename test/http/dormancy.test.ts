import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { givenWorker, settled } from "../support/given.ts";
import { givenBuild } from "../support/given-prebuild.ts";
import { newEntries, untilSomebodyWaits } from "./effects.ts";
import { after, assertRefused, givenLifecycle, givenOwned, HOUR, MONDAY, setDeadlines } from "./lifecycle.ts";

const entry = { by: "alice", action: "write", type: "workspace", target: "alice/dev" };

describe("a workspace that is made dormant", () => {
  it("is stopped for that, is shown as dormant, and is deleted when its template says so", async (t) => {
    const { server, dev, put, stored } = await givenLifecycle(t, { time_til_dormant_autodelete: 48 * HOUR * 1e6 });
    await setDeadlines(server, dev.buildId, after(HOUR));
    await newEntries(server);
    const answer = await put("dormant", { dormant: true });
    assert.equal(answer.statusCode, 200, answer.body);
    const { dormant_at, deleting_at, latest_build: build, id } = answer.json();
    assert.deepEqual([id, dormant_at, deleting_at], [dev.id, MONDAY.toISOString(), after(48 * HOUR).toISOString()]);
    assert.deepEqual(
      [build.transition, build.reason, build.status, build.initiator_name],
      ["stop", "dormancy", "pending", "alice"],
    );
    const diff = { dormant_at: { old: null, new: dormant_at }, deleting_at: { old: null, new: deleting_at } };
    const [made, stopped, ...others] = await newEntries(server);
    assert.deepEqual([made, others], [{ ...entry, diff }, []]);
    assert.deepEqual([stopped?.action, stopped?.type, stopped?.by], ["stop", "workspace_build", "alice"]);
    assert.deepEqual(stopped?.diff["reason"], { old: null, new: "dormancy" });
    givenWorker(t, server.context).poke();
    await settled(server);
    const now = await stored();
    assert.deepEqual([now.transition, now.dormant_at, now.deadline], ["stop", MONDAY, null]);
  });

  it("is stopped also when its start has failed, and not when it is stopped", async (t) => {
    const { server, template, put, stored } = await givenLifecycle(t);
    for (const [given, builds] of [
      [{ name: "failed", job: "failed" }, 2],
      [{ name: "canceled", job: "canceled" }, 2],
      [{ name: "stopped", transition: "stop" }, 1],
    ] as const) {
      const { id } = await givenOwned(server, template, given);
      const answer = await put("dormant", { dormant: true }, server.alice, id);
      assert.deepEqual([answer.statusCode, answer.json().deleting_at], [200, null], answer.body);
      const { build_number, transition, dormant_at } = await stored(id);
      assert.deepEqual([build_number, transition, dormant_at], [builds, "stop", MONDAY], given.name);
    }
  });

  it("is left as it is when another build of it is under way", async (t) => {
    const { server, template, put, stored } = await givenLifecycle(t);
    for (const transition of ["start", "stop"] as const) {
      for (const job of ["pending", "running", "canceling"] as const) {
        const { id } = await givenOwned(server, template, { name: `${transition}-${job}`, transition, job });
        const answer = await put("dormant", { dormant: true }, server.alice, id);
        assert.deepEqual([answer.statusCode, /under way/.test(answer.body)], [409, true], answer.body);
        assert.deepEqual([(await stored(id)).dormant_at, (await stored(id)).build_number], [null, 1]);
      }
    }
  });

  it("is left as it is when somebody asks for a build at the same moment", async (t) => {
    const { server, template, dev, put, stored } = await givenLifecycle(t);
    const client = await server.pool.connect();
    t.after(() => client.release(true));
    await client.query("begin");
    await client.query("select from workspaces where id = $1 for no key update", [dev.id]);
    const asked = put("dormant", { dormant: true });
    await untilSomebodyWaits(server);
    const preset = { versionId: template.versionId, presetId: template.plainId };
    const acting = { pool: client as unknown as typeof server.pool, clock: server.context.clock };
    await givenBuild(acting, dev.id, preset, { transition: "start", status: "pending", initiatorId: server.alice.id });
    await client.query("commit");
    assert.equal((await asked).statusCode, 409);
    assert.deepEqual([(await stored()).dormant_at, (await stored()).build_number], [null, 2]);
  });

  it("gets one stop and one date, however many ask for it at once", async (t) => {
    const { server, put, stored } = await givenLifecycle(t);
    await newEntries(server);
    const answers = await Promise.all(Array.from({ length: 8 }, () => put("dormant", { dormant: true })));
    for (const answer of answers) assert.equal(answer.statusCode, 200, answer.body);
    assert.deepEqual([(await stored()).build_number, (await newEntries(server)).length], [2, 2]);
  });

  it("keeps the date of its dormancy when it is made dormant again", async (t) => {
    const { server, put, stored, setTime } = await givenLifecycle(t, { time_til_dormant_autodelete: HOUR * 1e6 });
    await put("dormant", { dormant: true });
    await newEntries(server);
    const before = await stored();
    setTime(HOUR / 2);
    assert.equal((await put("dormant", { dormant: true })).statusCode, 200);
    assert.deepEqual([await stored(), await newEntries(server)], [before, []]);
  });

  it("cannot be started by anybody, which says what to do, and its owner activates it", async (t) => {
    const { server, dev, put } = await givenLifecycle(t);
    await server.pool.query("update workspaces set dormant_at = $1", [MONDAY]);
    const start = (as = server.alice) =>
      server.send("POST", `/api/v2/workspaces/${dev.id}/builds`, { as, json: { transition: "start" } });
    for (const as of [server.alice, server.admin]) {
      const answer = await start(as);
      assert.equal(answer.statusCode, 403);
      assert.match(answer.json().message, /the workspace is dormant, so activate it first$/);
    }
    assert.equal((await put("dormant", { dormant: false })).statusCode, 200);
    assert.equal((await start()).statusCode, 201);
  });
});

describe("a dormant workspace that is activated", () => {
  it("counts as used now, is not deleted, and does not start for what it has missed", async (t) => {
    const { server, put, stored, setTime } = await givenLifecycle(t, { time_til_dormant_autodelete: HOUR * 1e6 });
    await put("autostart", { schedule: "30 8 * * *" });
    await put("dormant", { dormant: true });
    await server.pool.query("update provisioner_jobs set started_at = $1, completed_at = $1", [MONDAY]);
    setTime(50 * HOUR);
    await newEntries(server);
    const answer = await put("dormant", { dormant: false });
    assert.equal(answer.statusCode, 200, answer.body);
    assert.deepEqual([answer.json().dormant_at, answer.json().latest_build.transition], [null, "stop"]);
    const { dormant_at, deleting_at, last_used_at, next_start_at } = await stored();
    assert.deepEqual([dormant_at, deleting_at, last_used_at], [null, null, after(50 * HOUR)]);
    assert.deepEqual(next_start_at, new Date("2024-01-04T08:30:00Z"), "not the first of January");
    assert.deepEqual(await newEntries(server), [
      {
        ...entry,
        diff: {
          dormant_at: { old: MONDAY.toISOString(), new: null },
          deleting_at: { old: after(HOUR).toISOString(), new: null },
        },
      },
    ]);
  });

  it("need not wait for the stop that its dormancy has asked for, which goes on", async (t) => {
    const { put, stored } = await givenLifecycle(t);
    await put("dormant", { dormant: true });
    assert.equal((await put("dormant", { dormant: false })).statusCode, 200);
    const { dormant_at, transition, build_number } = await stored();
    assert.deepEqual([dormant_at, transition, build_number], [null, "stop", 2]);
  });

  it("is left as it is when it is not dormant", async (t) => {
    const { server, put, stored, setTime } = await givenLifecycle(t);
    await newEntries(server);
    const before = await stored();
    setTime(HOUR);
    assert.equal((await put("dormant", { dormant: false })).statusCode, 200);
    assert.deepEqual([await stored(), await newEntries(server)], [before, []]);
  });
});

it("whether a workspace is dormant is said with true or false", async (t) => {
  const { put, stored } = await givenLifecycle(t);
  for (const dormant of ["yes", "true", 1, null]) {
    assertRefused(await put("dormant", { dormant }), "dormant", /^must be true or false$/);
  }
  for (const json of [{}, { dormant: true, until: "tomorrow" }, []]) {
    assert.equal((await put("dormant", json)).statusCode, 400);
  }
  assert.equal((await stored()).dormant_at, null);
});
