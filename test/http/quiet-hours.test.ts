import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { CALLERS } from "./callers.ts";
import { newEntries } from "./effects.ts";
import { assertRefused, givenLifecycle } from "./lifecycle.ts";
import { givenUser, type TestUser } from "./server.ts";

const BERLIN = "CRON_TZ=Europe/Berlin 0 2 * * *";
const DEFAULT = {
  raw_schedule: "CRON_TZ=UTC 0 0 * * *",
  user_set: false,
  time: "00:00",
  timezone: "UTC",
  next: "2024-01-02T00:00:00.000Z",
};

async function given(t: Parameters<typeof givenLifecycle>[0]) {
  const { server } = await givenLifecycle(t);
  await newEntries(server);
  return {
    server,
    read: (user = "me", as: TestUser = server.alice) => server.send("GET", `/api/v2/users/${user}/quiet-hours`, { as }),
    choose: (schedule: unknown, user = "me", as: TestUser = server.alice) =>
      server.send("PUT", `/api/v2/users/${user}/quiet-hours`, { as, json: { schedule } }),
    stored: async (id: string) =>
      (await server.pool.query("select quiet_hours_schedule from users where id = $1", [id])).rows[0]
        .quiet_hours_schedule,
  };
}

describe("a user's quiet hours", () => {
  it("are midnight in UTC until somebody chooses others, and when nobody does any more", async (t) => {
    const { server, read, choose } = await given(t);
    assert.deepEqual((await read()).json(), DEFAULT);
    const chosen = { ...DEFAULT, raw_schedule: BERLIN, user_set: true, time: "02:00", timezone: "Europe/Berlin" };
    const answer = await choose(` ${BERLIN} `);
    assert.deepEqual([answer.statusCode, answer.json()], [200, { ...chosen, next: "2024-01-02T01:00:00.000Z" }]);
    assert.deepEqual((await read("alice", server.admin)).json(), answer.json());
    const diff = { quiet_hours_schedule: { old: "", new: BERLIN } };
    assert.deepEqual(await newEntries(server), [{ by: "alice", action: "write", type: "user", target: "alice", diff }]);
    assert.equal((await choose(BERLIN)).statusCode, 200);
    assert.deepEqual(await newEntries(server), [], "they were these already");
    assert.deepEqual((await choose("")).json(), DEFAULT);
    assert.deepEqual((await read()).json(), DEFAULT);
  });

  it("are a time of every day in a zone that exists, and nothing else", async (t) => {
    const { server, choose, stored } = await given(t);
    await choose(BERLIN);
    for (const [schedule, detail] of [
      ["CRON_TZ=Europe/Bonn 0 2 * * *", /Europe\/Bonn, which does not exist/],
      ["CRON_TZ=+02:00 0 2 * * *", /offset/],
      ["0 24 * * *", /the hour 24/],
      ["60 2 * * *", /the minute 60/],
      ["*/5 2 * * *", /one time of every day/],
      ["0 2 * * 1-5", /one time of every day/],
      ["0 0 2 * * *", /one time of every day/],
      ["at two", /one time of every day/],
      ["x".repeat(257), /at most 256/],
      [null, /must be text/],
    ] as const) {
      assertRefused(await choose(schedule), "schedule", detail);
    }
    assert.equal(await stored(server.alice.id), BERLIN);
  });

  it("are changed by the user and by who may change users, but not those of who has roles beyond theirs", async (t) => {
    const { server, read, choose, stored } = await given(t);
    const admins = ["owner", "user-admin"];
    for (const [who, caller] of Object.entries(CALLERS)) {
      const as = await givenUser(server, caller);
      const reads = who === "auditor" || (await server.send("GET", "/api/v2/users/alice", { as })).statusCode === 200;
      assert.equal((await read("alice", as)).statusCode, reads ? 200 : 404, who);
      const status = admins.includes(who) ? 200 : reads ? 403 : 404;
      assert.equal((await choose(BERLIN, "alice", as)).statusCode, status, who);
      assert.equal((await choose(BERLIN, "me", as)).statusCode, 200, who);
      assert.equal(await stored(as.id), BERLIN, who);
      if (who !== "owner") assert.notEqual((await choose(BERLIN, "admin", as)).statusCode, 200, who);
    }
    assert.equal(await stored(server.admin.id), "");
    for (const right of ["user:update", "user:update_personal"]) {
      const as = await givenUser(server, { ...CALLERS["user-admin"], scopes: ["user:read", right] });
      assert.equal((await choose("", "alice", as)).statusCode, 200, right);
    }
  });

  it("are nobody's to give to the user that owns the prebuilds", async (t) => {
    const { server, choose, stored } = await given(t);
    const answer = await choose(BERLIN, "prebuilds", server.admin);
    assert.deepEqual([answer.statusCode, /system user/.test(answer.body)], [403, true], answer.body);
    assert.equal(await stored(PREBUILDS_SYSTEM_USER_ID), "");
    assert.deepEqual(await newEntries(server), []);
  });
});
