import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { assertRefused, givenLifecycle, HOUR, MINUTE, MONDAY, setTemplate } from "../http/lifecycle.ts";
import { givenPrebuild } from "../http/world.ts";

const BERLIN = "CRON_TZ=Europe/Berlin 30 9 * * 1-5";

for (const claimed of [true, false]) {
  describe(`a workspace that is ${claimed ? "claimed" : "built anew"}`, () => {
    async function given(t: Parameters<typeof givenLifecycle>[0], settings: Readonly<Record<string, unknown>> = {}) {
      const { server, template, stored } = await givenLifecycle(t, settings);
      let number = 0;
      async function ask(wanted: object) {
        number += 1;
        if (claimed) await givenPrebuild(server, template, `prebuild-${number}`);
        const json = {
          name: `ws-${number}`,
          template_id: template.id,
          template_version_preset_id: claimed ? template.smallId : template.plainId,
          ...wanted,
        };
        const path = "/api/v2/organizations/default/members/me/workspaces";
        return server.send("POST", path, { as: server.alice, json });
      }
      async function got(wanted: object) {
        const answer = await ask(wanted);
        assert.deepEqual([answer.statusCode, answer.json().claimed], [201, claimed], answer.body);
        const { id, autostart_schedule, next_start_at, ttl_ms } = answer.json();
        const row = await stored(id);
        assert.deepEqual([row.autostart_schedule, row.ttl_ms], [autostart_schedule, ttl_ms], "it is as answered");
        assert.deepEqual(row.next_start_at?.toISOString() ?? null, next_start_at);
        assert.deepEqual(row.last_used_at, MONDAY);
        return { autostart_schedule, next_start_at, ttl_ms };
      }
      return { server, template, ask, got };
    }

    it("LIF-10: starts and stops as asked for, and as its template says where nothing is asked for", async (t) => {
      const { got } = await given(t);
      const unset = { autostart_schedule: null, next_start_at: null };
      assert.deepEqual(await got({}), { ...unset, ttl_ms: 8 * HOUR });
      assert.deepEqual(await got({ ttl_ms: 90 * MINUTE }), { ...unset, ttl_ms: 90 * MINUTE });
      for (const ttl_ms of [0, null]) assert.deepEqual(await got({ ttl_ms }), { ...unset, ttl_ms: null });
      assert.deepEqual(await got({ autostart_schedule: BERLIN }), {
        autostart_schedule: BERLIN,
        next_start_at: "2024-01-01T08:30:00.000Z",
        ttl_ms: 8 * HOUR,
      });
      for (const autostart_schedule of ["", null]) {
        assert.deepEqual(await got({ autostart_schedule }), { ...unset, ttl_ms: 8 * HOUR });
      }
    });

    it("starts on the days only that its template allows, and is not made for others", async (t) => {
      const { ask, got } = await given(t, { autostart_days: 4 }); // Wednesday
      const { next_start_at } = await got({ autostart_schedule: BERLIN });
      assert.equal(next_start_at, "2024-01-03T08:30:00.000Z");
      for (const [autostart_schedule, detail] of [
        ["0 9 * * 1", /never comes true on a day that the template allows: wednesday/],
        ["CRON_TZ=Europe/Bonn 0 9 * * *", /Europe\/Bonn/],
        ["0 0 9 * * *", /6 fields/],
      ] as const) {
        assertRefused(await ask({ autostart_schedule }), "autostart_schedule", detail);
      }
    });

    it("runs no longer than its template lets it", async (t) => {
      const { ask, got } = await given(t, { max_ttl: 12 * HOUR * 1e6 });
      assert.equal((await got({ ttl_ms: 12 * HOUR })).ttl_ms, 12 * HOUR);
      assert.equal((await got({})).ttl_ms, 8 * HOUR);
      assertRefused(await ask({ ttl_ms: 12 * HOUR + 1 }), "ttl_ms", /^must be 12h at most/);
      for (const ttl_ms of [0, null]) assertRefused(await ask({ ttl_ms }), "ttl_ms", /^must be given: .* 12h/);
    });

    it("goes by its template where that does not leave the choice, whatever is asked for", async (t) => {
      const { server, template, got } = await given(t, { allow_user_autostart: false, allow_user_autostop: false });
      const asked = { autostart_schedule: BERLIN, ttl_ms: HOUR };
      const unset = { autostart_schedule: null, next_start_at: null };
      assert.deepEqual(await got(asked), { ...unset, ttl_ms: 8 * HOUR });
      assert.deepEqual(await got({ autostart_schedule: "nonsense" }), { ...unset, ttl_ms: 8 * HOUR });
      await setTemplate(server, template, { default_ttl: 0 });
      assert.deepEqual(await got(asked), { ...unset, ttl_ms: null });
    });
  });
}
