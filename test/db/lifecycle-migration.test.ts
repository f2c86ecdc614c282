import assert from "node:assert/strict";
import { it } from "node:test";
import type pg from "pg";
import journal from "../../drizzle/meta/_journal.json" with { type: "json" };
import { migrateDown, migrateUp } from "../../src/db/migrate.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { readCatalogue } from "../support/catalogue.ts";
import { createTestDatabase } from "../support/database.ts";

const WITHOUT_LIFECYCLE = journal.entries.findIndex(({ tag }) => tag === "0011_lifecycle");
const PERSON = "00000000-0000-4000-8000-000000000001";
const OURS = "00000000-0000-4000-8000-000000000002";

const LONG_AGO = new Date("2020-01-01T09:00:00Z");
const DEADLINE = new Date("2030-01-01T17:00:00Z");
const LATER = new Date("2030-01-02T17:00:00Z");
const AT_NINE = "CRON_TZ=UTC 0 9 * * *";

/** What a workspace has before the migration; everything else is null. */
type Before = {
  readonly owner?: string;
  readonly transition?: "start" | "stop";
  readonly deleted?: boolean;
  readonly fields?: Readonly<Record<string, unknown>>;
  /** Deadline and latest deadline of each of its builds; the last one is the latest. */
  readonly builds: readonly (readonly [Date | null, Date | null])[];
};

const RUNNING: Before = { builds: [[DEADLINE, LATER]] };
const SCHEDULED = { autostart_schedule: AT_NINE, next_start_at: LONG_AGO, ttl: "3600000000000" };

/** What the release before may have left, by the workspace's name. */
const LEFT: Readonly<Record<string, Before>> = {
  running: RUNNING,
  "max-before-deadline": { builds: [[LATER, DEADLINE]] },
  "max-alone": { builds: [[null, DEADLINE]] },
  overdue: { builds: [[LONG_AGO, null]] },
  "no-deadline": { builds: [[null, null]] },
  "older-deadlines": {
    builds: [
      [LATER, DEADLINE],
      [DEADLINE, null],
    ],
  },
  stopped: { transition: "stop", fields: SCHEDULED, builds: [[null, null]] },
  "started-by-schedule": { ...RUNNING, fields: SCHEDULED },
  dormant: { transition: "stop", fields: { dormant_at: LONG_AGO, deleting_at: LATER }, builds: [[null, null]] },
  deleted: { ...RUNNING, deleted: true, fields: SCHEDULED },
  prebuild: { owner: PREBUILDS_SYSTEM_USER_ID, builds: [[null, null]] },
  "prebuild-with-all": {
    owner: PREBUILDS_SYSTEM_USER_ID,
    fields: { ...SCHEDULED, dormant_at: LONG_AGO, deleting_at: LATER },
    builds: [
      [DEADLINE, LATER],
      [LATER, DEADLINE],
    ],
  },
  "prebuild-deleted": { owner: PREBUILDS_SYSTEM_USER_ID, deleted: true, fields: SCHEDULED, builds: [[DEADLINE, null]] },
  "prebuild-with-max": { owner: PREBUILDS_SYSTEM_USER_ID, builds: [[null, DEADLINE]] },
};

const NOTHING = { autostart_schedule: null, next_start_at: null, ttl: null, dormant_at: null, deleting_at: null };

/** A template with a version, and the workspaces above, as the release before writes them. */
async function fill(pool: pg.Pool): Promise<void> {
  await pool.query(`
    insert into users (id, email, username) values ('${PERSON}', 'a@example.com', 'a');
    insert into organizations (id, name, is_default) values ('${OURS}', 'first', true);
    insert into files (id, hash, mimetype, data, created_by) values ('${OURS}', 'h', 'application/x-tar', '', '${PERSON}');
    insert into templates (id, organization_id, name, provisioner, created_by, default_ttl)
      values ('${OURS}', '${OURS}', 't', 'command', '${PERSON}', 3600000000000);
    insert into template_versions (id, template_id, organization_id, name, file_id, created_by)
      values ('${OURS}', '${OURS}', '${OURS}', 'v1', '${OURS}', '${PERSON}');
    update templates set active_version_id = '${OURS}'`);
  for (const [name, before] of Object.entries(LEFT)) await insertWorkspace(pool, name, before);
}

async function insertWorkspace(pool: pg.Pool, name: string, before: Before): Promise<void> {
  const { owner = PERSON, transition = "start", deleted = false, builds } = before;
  const fields = Object.entries({ ...NOTHING, ...before.fields });
  const { rows } = await pool.query<{ id: string }>(
    `insert into workspaces (name, owner_id, organization_id, template_id, ${fields.map(([field]) => field)})
     values ($1, $2, '${OURS}', '${OURS}', ${fields.map((_, index) => `$${index + 3}`)}) returning id`,
    [name, owner, ...fields.map(([, value]) => value)],
  );
  const id = rows[0]?.id;
  for (const [deadline, maxDeadline] of builds) {
    await pool.query(
      `with job as (
         insert into provisioner_jobs (organization_id, initiator_id, provisioner, type, input, started_at, completed_at)
         values ('${OURS}', $2, 'command', 'workspace_build', '{}', now(), now()) returning id
       )
       insert into workspace_builds (workspace_id, template_version_id, build_number, transition, initiator_id, job_id,
         deadline, max_deadline)
       select w.id, '${OURS}', w.latest_build_number + 1, $3, $2, job.id, $4, $5 from workspaces w, job where w.id = $1`,
      [id, owner, transition, deadline, maxDeadline],
    );
  }
  await pool.query("update workspaces set deleted = $2, last_used_at = $3 where id = $1", [id, deleted, LONG_AGO]);
}

/** What a workspace has: its fields, and deadline and latest deadline of its builds from the first to the latest. */
async function read(pool: pg.Pool, name: string) {
  const { rows } = await pool.query(
    `select w.autostart_schedule, w.next_start_at, w.ttl, w.dormant_at, w.deleting_at,
       json_agg(json_build_array(b.deadline, b.max_deadline) order by b.build_number) as builds
     from workspaces w join workspace_builds b on b.workspace_id = w.id where w.name = $1 group by w.id`,
    [name],
  );
  const { builds, ...fields } = rows[0];
  const dates = builds as [string | null, string | null][];
  return { fields, builds: dates.map((both) => both.map((date) => date && new Date(date))) };
}

/** What the columns that the migration adds say. */
async function readAdded(pool: pg.Pool, name: string) {
  const { rows } = await pool.query(
    "select latest_deadline, lifecycle_build_id = latest_build_id as settled from workspaces where name = $1",
    [name],
  );
  return rows[0];
}

/** A database as the release before has it, with what it left, that has just been migrated. */
async function migrated(t: Parameters<typeof createTestDatabase>[0]) {
  const { url, pool } = await createTestDatabase(t);
  await migrateDown(url, WITHOUT_LIFECYCLE);
  await fill(pool);
  await migrateUp(url);
  return { url, pool };
}

it("what the release before has left fits the lifecycle after the migration", async (t) => {
  const { pool } = await migrated(t);

  await t.test(
    "prebuilds have nothing of it, no more in older builds than in the latest, nor when deleted",
    async () => {
      for (const name of Object.keys(LEFT).filter((name) => name.startsWith("prebuild"))) {
        const nothing = LEFT[name]?.builds.map(() => [null, null]);
        assert.deepEqual(await read(pool, name), { fields: NOTHING, builds: nothing }, name);
        assert.deepEqual(await readAdded(pool, name), { latest_deadline: null, settled: null }, name);
      }
    },
  );

  await t.test("people's workspaces keep their deadlines, which are repeated where they are looked for", async () => {
    assert.deepEqual(await read(pool, "running"), { fields: NOTHING, builds: RUNNING.builds });
    assert.deepEqual(await readAdded(pool, "running"), { latest_deadline: DEADLINE, settled: true });
    assert.deepEqual((await read(pool, "no-deadline")).builds, [[null, null]]);
    assert.deepEqual(await readAdded(pool, "no-deadline"), { latest_deadline: null, settled: true });
    assert.deepEqual(await readAdded(pool, "older-deadlines"), { latest_deadline: DEADLINE, settled: true });
    assert.deepEqual((await read(pool, "dormant")).fields, { ...NOTHING, ...LEFT["dormant"]?.fields });
  });

  await t.test("a deadline after the latest one becomes that, and a latest one alone becomes both", async () => {
    for (const name of ["max-before-deadline", "max-alone"]) {
      assert.deepEqual((await read(pool, name)).builds, [[DEADLINE, DEADLINE]], name);
      assert.deepEqual(await readAdded(pool, name), { latest_deadline: DEADLINE, settled: true }, name);
    }
    assert.deepEqual((await read(pool, "older-deadlines")).builds, [
      [DEADLINE, DEADLINE],
      [DEADLINE, null],
    ]);
  });

  await t.test("nobody's workspace starts for a time that is long past: the next one is to be computed", async () => {
    for (const name of ["stopped", "started-by-schedule"]) {
      assert.deepEqual((await read(pool, name)).fields, { ...NOTHING, ...SCHEDULED, next_start_at: null }, name);
    }
    const { rows } = await pool.query("select from workspaces where next_start_at is not null and not deleted");
    assert.equal(rows.length, 0);
  });

  await t.test("who has overrun a deadline is to get another one, and nobody counts as long unused", async () => {
    assert.deepEqual(await readAdded(pool, "overdue"), { latest_deadline: LONG_AGO, settled: null });
    const { rows } = await pool.query(
      "select from workspaces where owner_id = $1 and not deleted and last_used_at < now() - interval '1 minute'",
      [PERSON],
    );
    assert.equal(rows.length, 0);
  });

  await t.test("and the database demands it of all rows from then on", async () => {
    const { rows } = await pool.query(
      `select conname as name, convalidated as valid from pg_constraint
       where conname in ('workspaces_prebuilds_outside_lifecycle', 'workspace_builds_deadline_within_max') order by 1`,
    );
    assert.deepEqual(rows, [
      { name: "workspace_builds_deadline_within_max", valid: true },
      { name: "workspaces_prebuilds_outside_lifecycle", valid: true },
    ]);
  });

  await t.test("templates demand nothing that they have not demanded before", async () => {
    const { rows } = await pool.query(
      `select default_ttl, max_ttl, failure_ttl, time_til_dormant, time_til_dormant_autodelete,
         autostop_requirement_days as days, require_active_version as active from templates`,
    );
    const off = { max_ttl: "0", failure_ttl: "0", time_til_dormant: "0", time_til_dormant_autodelete: "0" };
    assert.deepEqual(rows, [{ default_ttl: "3600000000000", ...off, days: 0, active: false }]);
  });
});

it("going back keeps what the release before knows, and going there again ends in the same database", async (t) => {
  const { url, pool } = await migrated(t);
  const names = Object.keys(LEFT);
  const readAll = () => Promise.all(names.map(async (name) => ({ ...(await read(pool, name)), name })));
  const [catalogue, rows] = [await readCatalogue(pool), await readAll()];
  const added = await Promise.all(names.map((name) => readAdded(pool, name)));

  await migrateDown(url, WITHOUT_LIFECYCLE);
  assert.deepEqual(await readAll(), rows);
  // There, anything can be written again.
  await pool.query("update workspaces set ttl = 1, next_start_at = now() where name = 'prebuild'");
  await pool.query("update workspace_builds set deadline = $1, max_deadline = $2 where deadline is null", [
    LATER,
    DEADLINE,
  ]);
  await pool.query("update workspaces set next_start_at = $1 where name = 'stopped'", [LONG_AGO]);

  await migrateUp(url);
  assert.deepEqual(await readCatalogue(pool), catalogue);
  const given = names.filter((name) => !name.startsWith("prebuild") && LEFT[name]?.builds.at(-1)?.[0] !== null);
  const same = (name: string) => given.includes(name) || name.startsWith("prebuild");
  assert.deepEqual(
    (await readAll()).filter(({ name }) => same(name)),
    rows.filter(({ name }) => same(name)),
  );
  for (const [index, name] of names.entries()) {
    if (same(name)) assert.deepEqual(await readAdded(pool, name), added[index], name);
  }
  assert.equal((await read(pool, "stopped")).fields.next_start_at, null);
  assert.deepEqual((await read(pool, "no-deadline")).builds, [[DEADLINE, DEADLINE]]);
});
