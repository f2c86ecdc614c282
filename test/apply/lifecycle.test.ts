import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { ApplyDocument } from "../../src/apply/document.ts";
import { applyDocument } from "../../src/apply/execute.ts";
import { COMMAND_LINE } from "../../src/audit/entry.ts";
import { ProblemError } from "../../src/errors.ts";
import { createTestDatabase } from "../support/database.ts";
import { givenPrebuild } from "../support/given-prebuild.ts";
import { allRows, applyContext, changes, devbox, insertInitiator } from "./support.ts";

const ALL = {
  default_ttl: "4h",
  max_ttl: "5h",
  activity_bump: 0,
  failure_ttl: "30m",
  time_til_dormant: "30d",
  time_til_dormant_autodelete: 604_800,
  allow_user_autostart: false,
  allow_user_autostop: false,
  autostop_requirement: { days_of_week: ["sunday"], weeks: 2 },
  autostart_requirement: { days_of_week: ["monday", "friday"] },
  require_active_version: true,
};

const STORED = `select default_ttl::float8, max_ttl::float8, activity_bump::float8, failure_ttl::float8,
  time_til_dormant::float8, time_til_dormant_autodelete::float8, allow_user_autostart, allow_user_autostop,
  autostop_requirement_days, autostop_requirement_weeks, autostart_days, require_active_version from templates`;

const HOUR_NS = 3_600_000_000_000;

async function setUp(t: TestContext) {
  const { pool } = await createTestDatabase(t);
  const context = applyContext(pool);
  const initiatorId = await insertInitiator(pool);
  const apply = (given: ApplyDocument) => applyDocument(context, given, { initiatorId, actor: COMMAND_LINE });
  const stored = async () => (await pool.query(STORED)).rows[0];
  return { pool, context, apply, stored };
}

/** The document's one template is refused for one of its keys, whose line people are shown. */
const assertRefused = (applied: Promise<unknown>, key: string, detail: string) =>
  assert.rejects(applied, (error) => {
    assert.ok(error instanceof ProblemError);
    assert.deepEqual(error.validations, [{ field: `templates[0].${key}`, detail }]);
    return true;
  });

describe("what a document says of the lifecycle of workspaces", () => {
  it("is stored when the template is made, and the rest is what templates have by default", async (t) => {
    const { apply, stored, pool } = await setUp(t);
    await apply(devbox());
    const byDefault = await stored();
    const { rows } = await pool.query(
      `insert into templates (organization_id, name, provisioner, created_by, default_ttl)
       select organization_id, 'plain', 'command', created_by, $1 from templates returning id`,
      [8 * HOUR_NS],
    );
    assert.deepEqual(byDefault, (await pool.query(`${STORED} where id = $1`, [rows[0].id])).rows[0]);
  });

  it("changes nothing when it is applied again, and of what it leaves out everything but the default stays", async (t) => {
    const { pool, apply, stored } = await setUp(t);
    await apply(devbox(ALL));
    const wanted = {
      default_ttl: 4 * HOUR_NS,
      max_ttl: 5 * HOUR_NS,
      activity_bump: 0,
      failure_ttl: HOUR_NS / 2,
      time_til_dormant: 720 * HOUR_NS,
      time_til_dormant_autodelete: 168 * HOUR_NS,
      allow_user_autostart: false,
      allow_user_autostop: false,
      autostop_requirement_days: 64,
      autostop_requirement_weeks: 2,
      autostart_days: 17,
      require_active_version: true,
    };
    assert.deepEqual(await stored(), wanted);
    const before = await allRows(pool);
    assert.deepEqual(changes(await apply(devbox(ALL))), []);
    assert.deepEqual(changes(await apply(devbox({ default_ttl: "4h" }))), []);
    assert.deepEqual(await allRows(pool), before);
    const less = { default_ttl: undefined, max_ttl: 0, autostop_requirement: { days_of_week: [] } };
    assert.deepEqual(changes(await apply(devbox(less))), [
      "updated template default/devbox default_ttl max_ttl autostop_requirement",
    ]);
    const rest = { default_ttl: 0, max_ttl: 0, autostop_requirement_days: 0, autostop_requirement_weeks: 1 };
    assert.deepEqual(await stored(), { ...wanted, ...rest });
  });

  it("is in the audit log as far as it has changed, in the words of the API", async (t) => {
    const { pool, apply } = await setUp(t);
    await apply(devbox());
    await apply(devbox({ max_ttl: "9h", autostop_requirement: { days_of_week: ["sunday", "monday"] } }));
    const { rows } = await pool.query(
      "select diff from audit_logs where resource_type = 'template' and action = 'write'",
    );
    assert.deepEqual(rows, [
      {
        diff: {
          max_ttl_ms: { old: 0, new: 32_400_000 },
          autostop_requirement: {
            old: { days_of_week: [], weeks: 1 },
            new: { days_of_week: ["monday", "sunday"], weeks: 1 },
          },
        },
      },
    ]);
  });

  it("is refused where it contradicts what the template keeps, and nothing is written", async (t) => {
    const { pool, apply } = await setUp(t);
    await apply(devbox({ max_ttl: "9h" }));
    const before = await allRows(pool);
    for (const [change, key, detail] of [
      [
        { default_ttl: "10h" },
        "default_ttl",
        "default_ttl is 10h, which is longer than max_ttl, 9h: lower default_ttl or raise max_ttl",
      ],
      [
        { default_ttl: 0 },
        "default_ttl",
        "default_ttl is 0, so workspaces run for ever, but max_ttl is 9h: set default_ttl to at most 9h, or max_ttl to 0",
      ],
      [
        { default_ttl: undefined, max_ttl: "7h" },
        "max_ttl",
        "default_ttl is 8h, which is longer than max_ttl, 7h: lower default_ttl or raise max_ttl",
      ],
    ] as const) {
      await assertRefused(apply(devbox(change)), key, detail);
    }
    assert.deepEqual(await allRows(pool), before);
  });

  it("lets a template that has a longest time to live keep its default one, which is 0 again without it", async (t) => {
    const { pool, apply, stored } = await setUp(t);
    await apply(devbox());
    await pool.query("update templates set max_ttl = $1", [9 * HOUR_NS]);
    const before = await allRows(pool);
    assert.deepEqual(changes(await apply(devbox({ default_ttl: undefined }))), []);
    assert.deepEqual(await allRows(pool), before);
    await apply(devbox({ default_ttl: undefined, max_ttl: "8h" }));
    assert.deepEqual([(await stored()).default_ttl, (await stored()).max_ttl], [8 * HOUR_NS, 8 * HOUR_NS]);
    await apply(devbox({ default_ttl: undefined, max_ttl: 0 }));
    assert.deepEqual([(await stored()).default_ttl, (await stored()).max_ttl], [0, 0]);
  });

  it("is refused for a new template with a longest time to live and no default one, at its line", async (t) => {
    const { pool, apply } = await setUp(t);
    const before = await allRows(pool);
    await assertRefused(
      apply(devbox({ default_ttl: undefined, max_ttl: "9h" })),
      "max_ttl",
      "default_ttl is 0, so workspaces run for ever, but max_ttl is 9h: set default_ttl to at most 9h, or max_ttl to 0",
    );
    assert.deepEqual(await allRows(pool), before);
  });

  it("is followed by the template's workspaces, but not by its prebuilds", async (t) => {
    const { pool, context, apply } = await setUp(t);
    await apply(devbox());
    const { rows } = await pool.query(
      `select t.organization_id as "organizationId", t.id as "templateId", t.active_version_id as "versionId",
         p.id as "presetId", u.id as "ownerId"
       from templates t join template_version_presets p on p.template_version_id = t.active_version_id,
         users u where p.name = 'small' and u.username = 'alice'`,
    );
    const own = await givenPrebuild(context, rows[0], { ownerId: rows[0].ownerId });
    const prebuild = await givenPrebuild(context, rows[0]);
    await pool.query("update workspaces set ttl = $2 where id = $1", [own.id, 8 * HOUR_NS]);
    const ttlOf = async (id: string) =>
      (await pool.query("select ttl::float8, xmin::text from workspaces where id = $1", [id])).rows[0];
    const before = await ttlOf(prebuild.id);
    await apply(devbox({ default_ttl: "2h" }));
    assert.equal((await ttlOf(own.id)).ttl, 2 * HOUR_NS);
    assert.deepEqual(await ttlOf(prebuild.id), before);
  });
});
