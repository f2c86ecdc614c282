import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { glob, readFile } from "node:fs/promises";
import { describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type pg from "pg";
import { COMMAND_LINE } from "../../src/audit/entry.ts";
import { BEGIN, withTransaction } from "../../src/db/connection.ts";
import { deletingAt } from "../../src/lifecycle/dormancy.ts";
import { recomputeLifecycle } from "../../src/lifecycle/recompute-store.ts";
import { settleLifecycle } from "../../src/lifecycle/reconcile.ts";
import { clearPrebuilds, storeUnscheduled } from "../../src/lifecycle/repair-store.ts";
import { storeDates, storeDormancy, storeNextStart } from "../../src/lifecycle/store.ts";
import { at, DAY, HOUR, T, template } from "../../src/lifecycle/workspace.fixture.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { queueBuild } from "../../src/workspaces/builds.ts";
import { insertWorkspace } from "../../src/workspaces/create-store.ts";
import { activate, recordUse } from "../../src/workspaces/dormancy-store.ts";
import { setAutostart, setDeadline, setTtl } from "../../src/workspaces/schedule-store.ts";
import { type GivenPool, givenContext, givenPool, givenUser } from "../support/given.ts";
import { givenPrebuild } from "../support/given-prebuild.ts";
import { type Writer, writersIn, writersInSource } from "./statements.ts";
import { EXCLUDED, WRITERS } from "./writers.ts";

const SOURCES = fileURLToPath(new URL("../../src/", import.meta.url));
const AT_NINE = "CRON_TZ=UTC 0 9 * * 1-5";

const titleOf = (where: string, { begins, columns }: Writer) => `${where}: ${begins} (${columns.join(", ")})`;

async function writersOfSources(): Promise<[string, Writer][]> {
  const found: [string, Writer][] = [];
  for await (const file of glob("**/*.ts", { cwd: SOURCES, exclude: ["**/*.{test,fixture}.ts"] })) {
    const source = await readFile(SOURCES + file, "utf8");
    // The query builder would write without a statement that can be read here.
    assert.doesNotMatch(source, /\.(update|insert)\((workspaces|workspaceBuilds)\b/, file);
    found.push(...writersInSource(source).map((writer): [string, Writer] => [titleOf(file, writer), writer]));
  }
  return found;
}

async function writersOfDatabase(pool: pg.Pool): Promise<[string, Writer][]> {
  const { rows } = await pool.query<{ name: string; definition: string }>(
    `select proname as name, pg_get_functiondef(oid) as definition from pg_proc
     where pronamespace = 'public'::regnamespace and prokind <> 'a' order by proname`,
  );
  assert.ok(rows.length > 5, "the functions of the migrations are there");
  return rows.flatMap(({ name, definition }) => {
    assert.doesNotMatch(definition, /\bexecute\b/i, `${name} builds statements, which cannot be read here`);
    return writersIn(definition).map((writer): [string, Writer] => [titleOf(name, writer), writer]);
  });
}

it("every statement that writes a column of the lifecycle is known, and leaves prebuilds out of it", async (t) => {
  const { pool } = await givenContext(t);
  const writers = [...(await writersOfSources()), ...(await writersOfDatabase(pool))];
  assert.deepEqual(writers.map(([title]) => title).sort(), Object.keys(WRITERS).sort());
  for (const [title, { excludes }] of writers) assert.equal(excludes, WRITERS[title] === EXCLUDED, title);
});

type Workspace = { readonly id: string; readonly buildId: string; readonly pool: GivenPool };

/** Dates that the functions below are asked to write; they differ from those that are there. */
const LATER = { deadline: at(5 * HOUR), maxDeadline: at(6 * HOUR), nextStartAt: at(DAY) };
const changed = (before: Partial<ReturnType<typeof template>>, after: Partial<ReturnType<typeof template>>) => ({
  before: template(before),
  after: template(after),
  now: T,
});
const AUTODELETE = { timeTilDormantAutodeleteMs: 30 * DAY };

/** What writes, asked to do it to one workspace, with the statements that it consists of. */
const FUNCTIONS: readonly {
  readonly name: string;
  readonly writers: readonly string[];
  readonly dormant?: boolean;
  run(client: pg.PoolClient, workspace: Workspace): Promise<unknown>;
}[] = [
  {
    name: "storeDates",
    writers: [
      "lifecycle/store.ts: update workspace_builds (deadline, max_deadline)",
      "lifecycle/store.ts: update workspaces (next_start_at, latest_deadline, lifecycle_build_id)",
    ],
    run: (client, { id, buildId }) => storeDates(client, [{ workspaceId: id, buildId, ...LATER }]),
  },
  {
    name: "settleLifecycle",
    writers: [],
    run: (client, { id, buildId }) =>
      settleLifecycle(client, { workspaceId: id, buildId, succeeded: true, now: at(HOUR) }),
  },
  {
    name: "storeNextStart",
    writers: ["lifecycle/store.ts: update workspaces (next_start_at)"],
    run: (client, { id }) => storeNextStart(client, id, LATER.nextStartAt),
  },
  {
    name: "storeUnscheduled",
    writers: ["lifecycle/repair-store.ts: update workspaces (next_start_at)"],
    run: async (client, { id }) => {
      await client.query("update workspaces set next_start_at = null where id = $1 and owner_id <> $2", [
        id,
        PREBUILDS_SYSTEM_USER_ID,
      ]);
      return storeUnscheduled(client, [{ schedule: AT_NINE, days: 127, nextStartAt: at(DAY) }]);
    },
  },
  {
    name: "storeDormancy",
    writers: ["lifecycle/store.ts: update workspaces (dormant_at, deleting_at)"],
    run: (client, { id }) =>
      storeDormancy(client, id, { dormantAt: T, deletingAt: deletingAt(T, template(AUTODELETE)) }),
  },
  {
    name: "LIF-08: recomputeLifecycle, for another default ttl,",
    writers: ["lifecycle/recompute-store.ts: update workspaces (ttl)"],
    run: (client, { pool: { templateId } }) =>
      recomputeLifecycle(client, { templateId, ...changed({ defaultTtlMs: HOUR }, { defaultTtlMs: 2 * HOUR }) }),
  },
  {
    name: "recomputeLifecycle, for other days of autostart,",
    writers: ["lifecycle/recompute-store.ts: update workspaces (next_start_at)"],
    run: (client, { pool: { templateId } }) =>
      recomputeLifecycle(client, { templateId, ...changed({}, { autostartDays: 4 }) }),
  },
  {
    name: "recomputeLifecycle, for another time until deletion,",
    writers: ["lifecycle/recompute-store.ts: update workspaces (deleting_at)"],
    dormant: true,
    run: (client, { pool: { templateId } }) => recomputeLifecycle(client, { templateId, ...changed({}, AUTODELETE) }),
  },
  {
    name: "recomputeLifecycle, for another demand to stop,",
    writers: ["lifecycle/recompute-store.ts: update workspace_builds (max_deadline, deadline)"],
    run: (client, { pool: { templateId } }) =>
      recomputeLifecycle(client, {
        templateId,
        ...changed({}, { autostopRequirement: { days: 127, weeks: 1 } }),
      }),
  },
  {
    name: "setAutostart",
    writers: ["workspaces/schedule-store.ts: update workspaces (autostart_schedule, next_start_at)"],
    run: (client, { id }) => setAutostart(client, id, { schedule: AT_NINE, nextStartAt: LATER.nextStartAt, now: T }),
  },
  {
    name: "setTtl",
    writers: ["workspaces/schedule-store.ts: update workspaces (ttl)"],
    run: (client, { id }) => setTtl(client, id, { ttlMs: 3 * HOUR, now: T }),
  },
  {
    name: "setDeadline",
    writers: ["workspaces/schedule-store.ts: update workspace_builds (deadline)"],
    run: (client, { id, buildId }) =>
      setDeadline(client, { workspaceId: id, buildId }, { deadline: at(3 * HOUR), now: T }),
  },
  {
    name: "activate",
    writers: ["workspaces/dormancy-store.ts: update workspaces (dormant_at, deleting_at, next_start_at, last_used_at)"],
    dormant: true,
    run: (client, { id }) => activate(client, id, { nextStartAt: LATER.nextStartAt, now: T }),
  },
  {
    name: "recordUse",
    writers: [
      "workspaces/dormancy-store.ts: update workspaces (last_used_at)",
      "workspaces/dormancy-store.ts: update workspace_builds (deadline)",
    ],
    run: (client, { id, buildId }) =>
      recordUse(client, { workspaceId: id, buildId }, { deadline: at(3 * HOUR), now: at(HOUR) }),
  },
];

/** A workspace with everything of the lifecycle that the database no longer refuses for prebuilds. */
async function givenInLifecycle(
  context: Awaited<ReturnType<typeof unguarded>>,
  ownerId: string,
  dormant = false,
): Promise<Workspace> {
  const pool = await givenPool(context);
  const clock = { now: () => at(-DAY) };
  const { id } = await givenPrebuild({ ...context, clock }, pool, { ownerId, initiatorId: ownerId });
  await context.pool.query(
    `update workspaces set autostart_schedule = $2, next_start_at = $3, ttl = 3600000000000, last_used_at = $4,
       dormant_at = case when $5 then $4::timestamptz end, deleting_at = case when $5 then $3::timestamptz end
     where id = $1`,
    [id, AT_NINE, at(HOUR), at(-DAY), dormant],
  );
  const { rows } = await context.pool.query<{ id: string }>(
    "update workspace_builds set deadline = $2, max_deadline = $3 where workspace_id = $1 returning id",
    [id, at(2 * HOUR), at(4 * HOUR)],
  );
  return { id, buildId: rows[0]?.id ?? "", pool };
}

/** A context on a database that lets prebuilds be taken into the lifecycle. */
async function unguarded(t: TestContext) {
  const context = await givenContext(t);
  await context.pool.query("alter table workspaces drop constraint workspaces_prebuilds_outside_lifecycle");
  return context;
}

/** The versions of a workspace's rows; they differ after every update, even one that changes nothing. */
async function versions(pool: pg.Pool, { id }: Workspace): Promise<Record<string, string>> {
  const { rows } = await pool.query<{ workspaces: string; workspace_builds: string }>(
    `select w.xmin::text || w.ctid as workspaces, b.xmin::text || b.ctid as workspace_builds
     from workspaces w join workspace_builds b on b.workspace_id = w.id where w.id = $1`,
    [id],
  );
  assert.equal(rows.length, 1);
  return { ...rows[0] };
}

describe("where the database would take it, each function that writes to the lifecycle writes nothing for a prebuild", async () => {
  for (const { name, writers, dormant, run } of FUNCTIONS) {
    it(`${name} changes a person's workspace, and no row of a prebuild`, async (t) => {
      const context = await unguarded(t);
      const act = (workspace: Workspace) =>
        withTransaction(context.pool, BEGIN.readWrite, (client) => run(client, workspace));

      const mine = await givenInLifecycle(context, await givenUser(context), dormant);
      const before = await versions(context.pool, mine);
      await act(mine);
      const after = await versions(context.pool, mine);
      const tables = writers.map((writer) => / (workspaces|workspace_builds) /.exec(writer)?.[1] ?? "");
      for (const table of tables.length > 0 ? tables : ["workspaces"]) assert.notEqual(after[table], before[table]);

      const prebuild = await givenInLifecycle(context, PREBUILDS_SYSTEM_USER_ID, dormant);
      const untouched = await versions(context.pool, prebuild);
      await act(prebuild);
      assert.deepEqual(await versions(context.pool, prebuild), untouched);
    });
  }

  it("no workspace of the system user's is made with a lifecycle", async (t) => {
    const context = await unguarded(t);
    const pool = await givenPool(context);
    const person = await givenUser(context);
    const make = (ownerId: string) =>
      insertWorkspace(
        context.pool,
        {
          ...pool,
          ownerId,
          initiatorId: person,
          name: "mine",
          provisioner: "command",
          autostartSchedule: AT_NINE,
          nextStartAt: LATER.nextStartAt,
          ttl: 3_600_000_000_000,
          automaticUpdates: "never",
          parameters: [],
          now: T,
          actor: COMMAND_LINE,
          request: null,
        },
        { buildId: randomUUID(), jobId: randomUUID() },
        "no_preset",
      );
    assert.ok(await make(person));
    assert.equal(await make(PREBUILDS_SYSTEM_USER_ID), undefined);
  });

  it("a build of a prebuild takes over no deadline, and nobody uses a prebuild by starting it", async (t) => {
    const context = await unguarded(t);
    const person = await givenUser(context);
    const started = async (ownerId: string) => {
      const { id } = await givenInLifecycle(context, ownerId);
      const { buildId } = await queueBuild(context, { workspaceId: id, transition: "start", initiatorId: person });
      const { rows } = await context.pool.query(
        "select w.last_used_at > $2 as used, b.deadline, b.max_deadline from workspaces w, workspace_builds b where w.id = $1 and b.id = $3",
        [id, at(-DAY), buildId],
      );
      return rows[0];
    };
    assert.deepEqual(await started(person), { used: true, deadline: at(2 * HOUR), max_deadline: at(4 * HOUR) });
    assert.deepEqual(await started(PREBUILDS_SYSTEM_USER_ID), { used: false, deadline: null, max_deadline: null });
  });

  it("what takes the lifecycle away from prebuilds leaves people's workspaces alone", async (t) => {
    const context = await unguarded(t);
    const mine = await givenInLifecycle(context, await givenUser(context), true);
    const prebuild = await givenInLifecycle(context, PREBUILDS_SYSTEM_USER_ID, true);
    const before = await versions(context.pool, mine);
    assert.deepEqual(await clearPrebuilds(context.pool), [prebuild.id]);
    assert.deepEqual(await versions(context.pool, mine), before);
    const { rows } = await context.pool.query(
      `select num_nonnulls(autostart_schedule, next_start_at, ttl, dormant_at, deleting_at, latest_deadline, b.deadline,
         b.max_deadline) as count
       from workspaces w join workspace_builds b on b.id = w.latest_build_id where w.id = $1`,
      [prebuild.id],
    );
    assert.deepEqual(rows, [{ count: 0 }]);
    assert.deepEqual(await clearPrebuilds(context.pool), []);
  });

  it("is asked for each statement that leaves prebuilds out", () => {
    // The last one in the test of builds, which always change the workspace's row.
    const builds = "workspaces/builds-store.ts: update workspaces (last_used_at)";
    const asked = new Set([...FUNCTIONS.flatMap(({ writers }) => writers), builds]);
    const excluded = Object.keys(WRITERS).filter((writer) => WRITERS[writer] === EXCLUDED && / update /.test(writer));
    assert.deepEqual([...asked].sort(), excluded.sort());
  });
});
