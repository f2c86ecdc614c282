import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { TestServer } from "./server.ts";
import { givenServer } from "./steering.ts";
import { givenPrebuild, givenWorkspace } from "./world.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

type Case = readonly [field: string, bodies: readonly unknown[]];

async function given(...args: Parameters<typeof givenServer>) {
  const { server, template } = await givenServer(...args);
  const path = `/api/v2/templates/${template.id}`;
  const patch = (json: unknown) => server.send("PATCH", path, { as: server.admin, json });
  const get = async () => (await server.send("GET", path, { as: server.admin })).json();
  return { server, template, patch, get };
}

const diffsOf = async ({ pool }: TestServer, id: string) => {
  const { rows } = await pool.query(
    "select diff from audit_logs where resource_id = $1 and action = 'write' order by id",
    [id],
  );
  return rows.map(({ diff }) => diff);
};

describe("what a template says of the lifecycle of its workspaces", () => {
  it("is by default what PostgreSQL gives a template that somebody else inserts", async (t) => {
    const { server, template, get } = await given(t);
    const { rows } = await server.pool.query(
      `insert into templates (organization_id, name, provisioner, created_by)
       select organization_id, 'plain', 'command', created_by from templates where id = $1 returning id`,
      [template.id],
    );
    const plain = (await server.send("GET", `/api/v2/templates/${rows[0].id}`, { as: server.admin })).json();
    const settings = {
      max_ttl_ms: 0,
      activity_bump_ms: HOUR_MS,
      failure_ttl_ms: 0,
      time_til_dormant_ms: 0,
      time_til_dormant_autodelete_ms: 0,
      allow_user_autostart: true,
      allow_user_autostop: true,
      autostop_requirement: { days_of_week: [], weeks: 1 },
      autostart_requirement: {
        days_of_week: ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"],
      },
      require_active_version: false,
    };
    for (const shown of [await get(), plain]) {
      const { name, default_ttl_ms, ...rest } = shown;
      assert.deepEqual(rest, { ...rest, ...settings }, name);
    }
  });

  it("is changed in each of its parts, shown with Monday first, and what changed is in the audit log", async (t) => {
    const { server, template, patch, get } = await given(t);
    const before = await get();
    const change = {
      default_ttl_ms: 4 * HOUR_MS,
      max_ttl_ms: 30 * DAY_MS,
      activity_bump_ms: 1,
      failure_ttl_ms: 60_000,
      time_til_dormant_ms: 3_650 * DAY_MS,
      time_til_dormant_autodelete_ms: 7 * DAY_MS,
      autostop_requirement: { days_of_week: ["sunday", "monday"], weeks: 16 },
      autostart_requirement: { days_of_week: ["friday", "tuesday"] },
      require_active_version: true,
    };
    const shown = {
      ...change,
      autostop_requirement: { days_of_week: ["monday", "sunday"], weeks: 16 },
      autostart_requirement: { days_of_week: ["tuesday", "friday"] },
    };
    const answer = await patch(change);
    assert.equal(answer.statusCode, 200, answer.body);
    const after = await get();
    assert.deepEqual(answer.json(), after);
    assert.deepEqual({ ...after, updated_at: "" }, { ...before, ...shown, updated_at: "" });
    const changed = Object.entries(shown).map(([field, now]) => [field, { old: before[field], new: now }]);
    assert.deepEqual(await diffsOf(server, template.id), [Object.fromEntries(changed)]);
    await patch(change);
    assert.equal((await diffsOf(server, template.id)).length, 1, "it is that already");
    const every = (await patch({ autostop_requirement: { days_of_week: ["sunday"] } })).json();
    assert.deepEqual(every.autostop_requirement, { days_of_week: ["sunday"], weeks: 1 });
    assert.deepEqual((await patch({ autostart_requirement: { days_of_week: [] } })).json().autostart_requirement, {
      days_of_week: [],
    });
  });

  it("is not changed to what cannot be, and each wrong field is named", async (t) => {
    const { patch, get } = await given(t);
    const before = await get();
    const ttls = [-1, 0.5, 30 * DAY_MS + 1, "8h", null];
    const days = ["sunday", {}, null, ["sunday", "sunday"]];
    const cases: Case[] = [
      ...["max_ttl_ms", "activity_bump_ms"].map((field): Case => [field, ttls.map((ms) => ({ [field]: ms }))]),
      ["failure_ttl_ms", [...ttls, 59_999].map((failure_ttl_ms) => ({ failure_ttl_ms }))],
      ...["time_til_dormant_ms", "time_til_dormant_autodelete_ms"].map(
        (field): Case => [field, [-1, 1, 59_999, 3_650 * DAY_MS + 1, "1d"].map((ms) => ({ [field]: ms }))] as const,
      ),
      ["require_active_version", ["true", 1, null].map((require_active_version) => ({ require_active_version }))],
      ["autostop_requirement", [[], null, "sunday"].map((autostop_requirement) => ({ autostop_requirement }))],
      ["autostop_requirement.days_of_week", [{ autostop_requirement: { weeks: 2 } }]],
      ...["autostop_requirement", "autostart_requirement"].map(
        (field): Case => [`${field}.days_of_week`, days.map((list) => ({ [field]: { days_of_week: list } }))] as const,
      ),
      ["autostart_requirement.days_of_week.1", [{ autostart_requirement: { days_of_week: ["sunday", "Monday"] } }]],
      ["autostart_requirement.weeks", [{ autostart_requirement: { days_of_week: [], weeks: 1 } }]],
      [
        "autostop_requirement.weeks",
        [0, 17, 1.5, "2", null].map((weeks) => ({ autostop_requirement: { days_of_week: [], weeks } })),
      ],
    ];
    for (const [field, bodies] of cases) {
      for (const body of bodies) {
        const answer = await patch(body);
        assert.equal(answer.statusCode, 400, `${JSON.stringify(body)}: ${answer.body}`);
        assert.deepEqual(
          answer.json().validations.map((one: { field: string }) => one.field),
          [field],
          JSON.stringify(body),
        );
      }
    }
    assert.deepEqual(await get(), before);
  });

  it("has no default above the longest time, nor none beside one, whichever of them is changed", async (t) => {
    const { server, template, patch, get } = await given(t);
    const refused = async (json: unknown, field: string, says: string) => {
      const before = await get();
      const answer = await patch(json);
      assert.equal(answer.statusCode, 400, answer.body);
      assert.deepEqual(answer.json().validations, [{ field, detail: says }]);
      assert.deepEqual(await get(), before);
    };
    await refused(
      { max_ttl_ms: 4 * HOUR_MS, icon: "/new.svg" },
      "max_ttl_ms",
      "default_ttl_ms is 28800000 (8h), which is longer than max_ttl_ms, 14400000 (4h): lower default_ttl_ms or raise max_ttl_ms",
    );
    assert.equal((await patch({ max_ttl_ms: 8 * HOUR_MS })).statusCode, 200);
    await refused(
      { default_ttl_ms: 8 * HOUR_MS + 1 },
      "default_ttl_ms",
      "default_ttl_ms is 28800001 (8h1ms), which is longer than max_ttl_ms, 28800000 (8h): lower default_ttl_ms or raise max_ttl_ms",
    );
    await refused(
      { default_ttl_ms: 0 },
      "default_ttl_ms",
      "default_ttl_ms is 0, so workspaces run for ever, but max_ttl_ms is 28800000 (8h): set default_ttl_ms to at most 28800000 (8h), or max_ttl_ms to 0",
    );
    assert.equal((await patch({ default_ttl_ms: 0, max_ttl_ms: 0 })).statusCode, 200);
    await refused(
      { max_ttl_ms: 60_000 },
      "max_ttl_ms",
      "default_ttl_ms is 0, so workspaces run for ever, but max_ttl_ms is 60000 (1m): set default_ttl_ms to at most 60000 (1m), or max_ttl_ms to 0",
    );
    assert.equal((await diffsOf(server, template.id)).length, 2);
  });

  it("is followed by workspaces that are there, but not by prebuilds, and by whoever claims one then", async (t) => {
    const { server, template, patch } = await given(t);
    const own = await givenWorkspace(server, { ownerId: server.alice.id, name: "own", template });
    const prebuild = await givenPrebuild(server, template);
    const rows = async () => {
      const { rows } = await server.pool.query(
        `select w.ttl::float8 / 1000000 as ttl, w.xmin::text, b.deadline, b.max_deadline
         from workspaces w join workspace_builds b on b.id = w.latest_build_id where w.id = any($1)
         order by w.id = $2`,
        [[own.id, prebuild.id], own.id],
      );
      return rows;
    };
    const [before] = await rows();
    assert.equal((await patch({ default_ttl_ms: 3 * HOUR_MS, max_ttl_ms: 4 * HOUR_MS })).statusCode, 200);
    const [unclaimed, owned] = await rows();
    assert.deepEqual(unclaimed, before);
    assert.equal(owned.ttl, 4 * HOUR_MS, "it had none");
    assert.deepEqual(owned.deadline, owned.max_deadline);
    assert.ok(Math.abs(owned.deadline - server.context.clock.now().getTime() - 4 * HOUR_MS) < 60_000);
    const says = "template devbox is changed, and of its workspaces 1 run for another time, 1 have another latest stop";
    assert.ok(server.logged.some(({ msg }) => msg === says));
    const claimed = await server.send(
      "POST",
      `/api/v2/organizations/${server.defaultOrganizationId}/members/alice/workspaces`,
      {
        as: server.alice,
        json: { name: "mine", template_id: template.id, template_version_preset_id: template.smallId },
      },
    );
    assert.deepEqual([claimed.json().id, claimed.json().claimed], [prebuild.id, true], claimed.body);
    assert.equal(claimed.json().ttl_ms, 3 * HOUR_MS);
  });

  it("keeps what either of two requests at once changes, and refuses the second where they contradict each other", async (t) => {
    const { patch, get } = await given(t);
    const both = await Promise.all([patch({ failure_ttl_ms: HOUR_MS }), patch({ time_til_dormant_ms: DAY_MS })]);
    assert.deepEqual(
      both.map(({ statusCode }) => statusCode),
      [200, 200],
    );
    const { failure_ttl_ms, time_til_dormant_ms } = await get();
    assert.deepEqual([failure_ttl_ms, time_til_dormant_ms], [HOUR_MS, DAY_MS]);
    const [max, longer] = await Promise.all([
      patch({ max_ttl_ms: 9 * HOUR_MS }),
      patch({ default_ttl_ms: 10 * HOUR_MS }),
    ]);
    assert.deepEqual([max.statusCode, longer.statusCode].sort(), [200, 400]);
    const after = await get();
    assert.ok(after.max_ttl_ms === 0 || after.default_ttl_ms <= after.max_ttl_ms, JSON.stringify(after));
  });
});
