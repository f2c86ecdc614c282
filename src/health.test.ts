import assert from "node:assert/strict";
import { it } from "node:test";
import { createHealth } from "./health.ts";

it("a daemon is not ready before it says so, nor once it stops, and says why", () => {
  const health = createHealth();
  assert.equal(health.report().ready.ok, false);
  health.starting("migrating the database");
  assert.deepEqual(health.report().ready.problems, ["starting: migrating the database"]);
  health.ready();
  assert.deepEqual(health.report(), { live: { ok: true, problems: [] }, ready: { ok: true, problems: [] } });
  health.stopping();
  assert.deepEqual(health.report().ready, { ok: false, problems: ["stopping"] });
  assert.equal(health.report().live.ok, true, "a daemon that stops is not to be restarted");
});

it("a loop that has stalled for longer than its limit asks for a restart", () => {
  const health = createHealth();
  let idle = 3_000;
  health.restartWhenIdle("the pass", () => idle, 3_000);
  assert.equal(health.report().live.ok, true);
  idle = 3_001;
  assert.deepEqual(health.report().live, { ok: false, problems: ["the pass has not ended a run for 3 seconds"] });
});

it("a database that does not answer takes readiness away but asks for no restart", () => {
  const health = createHealth();
  health.ready();
  health.unreadyWhenIdle("the database does not answer", () => 10, 5);
  assert.deepEqual(health.report(), {
    live: { ok: true, problems: [] },
    ready: { ok: false, problems: ["the database does not answer"] },
  });
});
