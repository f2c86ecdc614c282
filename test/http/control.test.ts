import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it } from "node:test";
import { findPreset, resetPool } from "../../src/prebuilds/control-store.ts";
import { storeStatuses } from "../../src/prebuilds/preset-status-store.ts";
import { planPools, runPass } from "../../src/prebuilds/reconcile.ts";
import { SETTINGS_KEY } from "../../src/prebuilds/settings.ts";
import type { PoolView } from "../../src/prebuilds/status.ts";
import { givenVersion } from "../support/given.ts";
import { startTestServer, type TestServer } from "./server.ts";
import { countWakes, givenServer, poolsSeenBy } from "./steering.ts";

const SETTINGS = "/api/v2/prebuilds/settings";
const never = new AbortController().signal;

/** Lets all prebuilds of the pool `small` fail, as many as make it stop. */
async function givenHardLimit(server: TestServer): Promise<void> {
  await runPass(server.context, never);
  await server.pool.query("update provisioner_jobs set started_at = now(), completed_at = now(), error = 'no route'");
  await runPass(server.context, never);
}

describe("the settings of all pools", () => {
  it("191b can be read by every member, and nothing is paused before anybody has said so", async (t) => {
    const server = await startTestServer(t);
    const answer = await server.send("GET", SETTINGS, { as: server.bob });
    assert.deepEqual([answer.statusCode, answer.json()], [200, { reconciliation_paused: false }]);
    assert.equal((await server.send("GET", SETTINGS, { as: server.nobody })).statusCode, 403);
  });

  it("191 are set by who runs the deployment, can be read again, say who paused, and wake the pools", async (t) => {
    const { server } = await givenServer(t);
    const wakes = await countWakes(t, server);
    const json = { reconciliation_paused: true };
    const answer = await server.send("PUT", SETTINGS, { as: server.admin, json });
    assert.deepEqual([answer.statusCode, answer.json()], [200, json]);
    assert.equal(await wakes(), 1);
    assert.deepEqual((await server.send("GET", SETTINGS, { as: server.alice })).json(), json);
    const [pool] = await poolsSeenBy(server.alice, server);
    assert.deepEqual([pool?.paused?.by, pool?.paused?.scope], ["admin", "all"]);
    assert.deepEqual(pool?.reasons, [{ reason: "paused", count: 3 }]);
    assert.deepEqual((await runPass(server.context, never)).results, []);

    const resumed = { reconciliation_paused: false };
    await server.send("PUT", SETTINGS, { as: server.admin, json: resumed });
    assert.deepEqual((await server.send("GET", SETTINGS, { as: server.alice })).json(), resumed);
    assert.equal((await poolsSeenBy(server.alice, server))[0]?.paused, null);
  });

  it("that are set already are answered with 304 and nothing else, and wake nobody", async (t) => {
    const server = await startTestServer(t);
    const json = { reconciliation_paused: false };
    const put = (as = server.admin) => server.send("PUT", SETTINGS, { as, json });
    assert.equal((await put()).statusCode, 200, "nothing was stored before");
    const stored = async () => (await server.pool.query("select * from site_configs")).rows;
    const before = await stored();
    assert.deepEqual([before[0].key, before[0].value], [SETTINGS_KEY, JSON.stringify(json)]);
    const wakes = await countWakes(t, server);
    server.advance(1_000);
    const again = await put();
    assert.deepEqual([again.statusCode, again.body], [304, ""]);
    assert.deepEqual(await stored(), before);
    assert.equal(await wakes(), 0);
  });

  it("193 are not for members to set", async (t) => {
    const server = await startTestServer(t);
    for (const as of [server.alice, server.nobody]) {
      const answer = await server.send("PUT", SETTINGS, { as, json: { reconciliation_paused: true } });
      assert.equal(answer.statusCode, 403);
    }
    assert.deepEqual((await server.pool.query("select from site_configs")).rows, []);
  });

  it("are refused when they are not what settings look like, with the field that is wrong", async (t) => {
    const server = await startTestServer(t);
    for (const [json, field] of [
      [{}, "reconciliation_paused"],
      [{ reconciliation_paused: "true" }, "reconciliation_paused"],
      [{ reconciliation_paused: null }, "reconciliation_paused"],
      [{ reconciliation_paused: true, paused: true }, "paused"],
      [[], "body"],
    ] as const) {
      const answer = await server.send("PUT", SETTINGS, { as: server.admin, json });
      assert.equal(answer.statusCode, 400, answer.body);
      assert.equal(answer.json().validations[0].field, field);
    }
  });
});

describe("a pool", () => {
  const steer = (server: TestServer, id: string, verb: string, as = server.admin) =>
    server.send("POST", `/api/v2/prebuilds/presets/${id}/${verb}`, { as });

  it("is paused until it is resumed, and the first pause stays", async (t) => {
    const { server, template } = await givenServer(t);
    const wakes = await countWakes(t, server);
    const paused = await steer(server, template.smallId, "pause");
    assert.equal(paused.statusCode, 200, paused.body);
    const pool: PoolView = paused.json();
    assert.deepEqual([pool.preset_id, pool.paused?.by, pool.paused?.scope], [template.smallId, "admin", "pool"]);
    assert.deepEqual([pool], await poolsSeenBy(server.admin, server));
    assert.deepEqual((await runPass(server.context, never)).results, []);

    server.advance(60_000);
    assert.deepEqual((await steer(server, template.smallId, "pause")).json().paused, pool.paused);
    const resumed = await steer(server, template.smallId, "resume");
    assert.deepEqual([resumed.statusCode, resumed.json().paused], [200, null]);
    assert.equal((await steer(server, template.smallId, "resume")).statusCode, 200);
    assert.ok((await wakes()) >= 1);
    assert.equal((await runPass(server.context, never)).results[0]?.done, 3);
  });

  it("stays paused over a new version of its template", async (t) => {
    const { server, template } = await givenServer(t);
    await steer(server, template.smallId, "pause");
    const versionId = await givenVersion(server, template.id);
    const { rows } = await server.pool.query<{ id: string }>(
      "insert into template_version_presets (template_version_id, name, desired_instances) values ($1, 'small', 2) returning id",
      [versionId],
    );
    const newId = rows[0]?.id ?? "";
    const [pool] = await poolsSeenBy(server.alice, server);
    assert.deepEqual([pool?.preset_id, pool?.paused?.by], [newId, "admin"]);
    const old = await steer(server, template.smallId, "resume");
    assert.equal(old.statusCode, 409);
    assert.ok(old.json().message.endsWith(`of the active version only, whose preset small is ${newId}`), old.body);
    assert.equal((await steer(server, newId, "resume")).json().paused, null);
  });

  it("whose builds have failed too often goes on when it is reset, and wakes the pass", async (t) => {
    const { server, template } = await givenServer(t);
    await givenHardLimit(server);
    const [limited] = await poolsSeenBy(server.alice, server);
    assert.deepEqual([limited?.status, limited?.failures.length], ["hard_limited", 3]);
    assert.match(limited?.failures[0]?.logs ?? "", /^\/api\/v2\/workspacebuilds\/[0-9a-f-]{36}\/logs$/);
    const wakes = await countWakes(t, server);
    server.advance(1_000);
    const reset = await steer(server, template.smallId, "reset");
    assert.equal(reset.statusCode, 200, reset.body);
    const pool: PoolView = reset.json();
    assert.deepEqual([pool.status, pool.status_detail, pool.failures], ["healthy", "", []]);
    assert.ok((pool.status_since ?? "") > (limited?.status_since ?? ""));
    assert.deepEqual(pool.actions, [{ kind: "create", count: 3, reason: "below_target" }]);
    assert.equal(await wakes(), 1);
    assert.equal((await runPass(server.context, never)).results[0]?.done, 3);
    assert.equal((await steer(server, template.smallId, "reset")).statusCode, 200);
  });

  it("whose parameters were refused is tried again when it is reset", async (t) => {
    const { server, template } = await givenServer(t);
    await server.pool.query(
      "update template_version_presets set prebuild_status = 'validation_failed', prebuild_status_detail = 'x' where id = $1",
      [template.smallId],
    );
    const pool: PoolView = (await steer(server, template.smallId, "reset")).json();
    assert.deepEqual([pool.status, pool.status_detail], ["healthy", ""]);
  });

  it("that is reset stays healthy when a pass ends that saw its failures before", async (t) => {
    const { server, template } = await givenServer(t);
    await givenHardLimit(server);
    await steer(server, template.smallId, "reset");
    const [seen] = (await planPools(server.context)).pools;
    assert.ok(seen);
    const since = seen.pool.statusSince;
    const change = { id: template.smallId, from: "healthy", to: "hard_limited", detail: "x", since } as const;
    server.advance(1_000);
    await steer(server, template.smallId, "reset");
    const now = server.context.clock.now();
    assert.deepEqual(await storeStatuses(server.pool, [change], now), []);
    assert.equal((await poolsSeenBy(server.admin, server))[0]?.status, "healthy");

    const [seenAgain] = (await planPools(server.context)).pools;
    const fresh = { ...change, since: seenAgain?.pool.statusSince ?? null };
    assert.deepEqual(await storeStatuses(server.pool, [fresh], now), [template.smallId]);
  });

  it("whose status has more than milliseconds in the database can still change it", async (t) => {
    const { server, template } = await givenServer(t);
    const preset = await findPreset(server.pool, template.smallId);
    assert.ok(preset);
    await resetPool(server.pool, preset, server.context.clock.now());
    await server.pool.query(
      "update template_version_presets set prebuild_status_since = prebuild_status_since + interval '7 microseconds'",
    );
    const since = (await planPools(server.context)).pools[0]?.pool.statusSince ?? null;
    const change = { id: template.smallId, from: "healthy", to: "hard_limited", detail: "x", since } as const;
    assert.deepEqual(await storeStatuses(server.pool, [change], new Date()), [template.smallId]);
  });

  for (const verb of ["pause", "resume", "reset"]) {
    it(`is not for members to ${verb}, and is hidden from strangers`, async (t) => {
      const { server, template } = await givenServer(t);
      const wakes = await countWakes(t, server);
      assert.equal((await steer(server, template.smallId, verb, server.alice)).statusCode, 403);
      assert.equal((await steer(server, template.smallId, verb, server.bob)).statusCode, 404);
      for (const id of [randomUUID(), "small"]) assert.equal((await steer(server, id, verb)).statusCode, 404);
      assert.equal(await wakes(), 0);
    });

    it(`that is none cannot ${verb}, and the answer says what to do`, async (t) => {
      const { server, template } = await givenServer(t);
      const none = await steer(server, template.plainId, verb);
      assert.equal(none.statusCode, 409);
      assert.match(none.json().message, /^preset plain of template devbox has no pool; give it prebuilds/);
      await server.pool.query("update templates set active_version_id = null");
      const old = await steer(server, template.smallId, verb);
      assert.equal(old.statusCode, 409);
      assert.match(old.json().message, /pools are kept of the active version only, which has no preset of that name$/);
    });
  }
});
