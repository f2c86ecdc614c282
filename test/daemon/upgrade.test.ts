import assert from "node:assert/strict";
import { it, type TestContext } from "node:test";
import type pg from "pg";
import { type DaemonProcess, startProcess } from "../support/daemon.ts";
import { emptyDatabase } from "../support/database.ts";
import { waitFor } from "../support/wait-for.ts";
import { type Api, createApi } from "./upgrade/api.ts";
import { fillDeployment } from "./upgrade/deployment.ts";
import { HISTORY } from "./upgrade/history-sql.ts";
import { type Load, startLoad } from "./upgrade/load.ts";
import { findPreviousRelease, PREVIOUS_MIGRATIONS, unpackRelease } from "./upgrade/previous-release.ts";
import { lostRows, rememberRows } from "./upgrade/remembered-rows.ts";
import { POOLS, type Templates, writeTemplates } from "./upgrade/templates.ts";
import { actualCounts, expectedCounts, witnessJobs } from "./upgrade/witness.ts";

const previous = await findPreviousRelease();
const skip = "missing" in previous ? previous.missing : false;
const commit = "missing" in previous ? "" : previous.commit;

/** Two daemons start and do all that follows on a machine that may have other things to do. */
const PATIENT = { timeoutMs: 120_000 };

const SETTINGS = {
  PREBUILDD_METRICS_INTERVAL: "1s",
  PREBUILDD_RECONCILIATION_INTERVAL: "5s",
  PREBUILDD_PROVISIONERS: "5",
  PREBUILDD_SHUTDOWN_TIMEOUT: "4s",
};

const urlOf = async (daemon: DaemonProcess): Promise<string> =>
  String((await daemon.logged("ready: ", PATIENT))["url"]);

/** Runs a command of a release to its end and returns what it printed. */
async function command(t: TestContext, args: string[], given: Parameters<typeof startProcess>[2]): Promise<string> {
  const process = await startProcess(t, args, given);
  const { code } = await process.exited();
  assert.equal(code, 0, process.text());
  return process.text();
}

/** Tells a daemon to stop whom nobody asks any more, as a supervisor does. */
async function stop(daemon: DaemonProcess): Promise<void> {
  daemon.child.kill("SIGTERM");
  assert.deepEqual(await daemon.exited(), { code: 0, signal: null });
}

it("a new release that starts while the previous one works takes over without losing or repeating anything, and can be undone", {
  skip,
}, async (t) => {
  const { url, pool } = await emptyDatabase(t);
  const [release, templates] = await Promise.all([unpackRelease(t, commit), writeTemplates(t)]);
  const env = { DATABASE_URL: url, ...SETTINGS };
  const old = await startProcess(t, ["run", "--apply", templates.applyFile], { env, release });
  const oldUrl = await urlOf(old);
  const token = await command(t, ["token", "create", "--user", "admin"], { env, release });
  const api = createApi(token);
  const push = async (at: string, version: number, given: { release?: string }) => {
    const args = ["templates", "push", "box", "--directory", await templates.boxSource(version)];
    return command(t, args, { ...given, env: { PREBUILDD_URL: at, PREBUILDD_TOKEN: token } });
  };

  await fillDeployment(api, oldUrl, pool);
  for (const name of ["ends-before", "ends-after"]) {
    await waitFor(`the start of ${name}`, async () => (await templates.hasBegun(name, 1)) || undefined, PATIENT);
  }
  await witnessJobs(pool);
  const counts = await rememberRows(pool);
  assert.ok((counts.get("workspaces") ?? 0) > HISTORY.workspaces, "there is something to be migrated");

  const load = startLoad(t, api, oldUrl);
  await load.goOn(3);
  const next = await startProcess(t, ["run"], { env });
  const nextUrl = await urlOf(next);
  await t.test("the previous release ends builds that it began before the migration", async () => {
    await templates.release("ends-before");
    await waitFor("the build to end", async () => (await statusOf(api, oldUrl, "ends-before")) === "running", PATIENT);
  });
  await t.test("both answer, build, take pushed sources and finish claims made in SQL", async () => {
    await load.ask(oldUrl, nextUrl);
    await load.goOn(2);
    assert.match(await push(oldUrl, 2, { release }), /is the active version now/);
    await claimInSql(pool);
    await load.goOn(1);
    assert.match(await push(nextUrl, 3, {}), /is the active version now/);
    await load.goOn(2);
  });
  await t.test("the previous release stops when it is told to, and hands over what it has begun", async () => {
    await load.ask(nextUrl);
    await stop(old);
    await waitFor("the next attempt", async () => (await templates.hasBegun("ends-after", 2)) || undefined, PATIENT);
    await templates.release("ends-after");
    await load.goOn(3);
    await load.end();
  });
  await t.test("what is repeated with its key is known to the new release", async () => {
    const { body: slow } = await api(nextUrl, "GET", "/organizations/default/templates/slow");
    const asked = { name: "ends-after", template_id: slow["id"] };
    const repeated = await api(nextUrl, "POST", "/organizations/default/members/me/workspaces", asked, "ends-after");
    assert.equal(repeated.status, 201, JSON.stringify(repeated));
    const { body } = await api(nextUrl, "GET", "/users/me/workspace/ends-after");
    assert.equal(repeated.body["id"], body["id"]);
  });
  await t.test("the pools are full of the newest version, and nothing is left to do", () => assertSettled(pool));
  await t.test("every request was answered as it should be", () => assertAnswers(load));
  await t.test("no prebuild was given away twice, and none is lost", () => assertPrebuilds(pool, load));
  await t.test("every executable has run once for each build", () => assertRuns(pool, templates));
  await t.test("each build that ended since the migration is counted once, whichever release ended it", async () => {
    const expected = await expectedCounts(pool);
    const matches = async () => JSON.stringify(await actualCounts(pool)) === JSON.stringify(expected);
    await waitFor("the metrics to be read", async () => (await matches()) || undefined).catch(() => {});
    assert.deepEqual(await actualCounts(pool), expected);
  });
  await t.test("the new release has nothing to complain of, and nothing fails in the previous one", () => {
    assertQuiet(next, ["warn", "error"]);
    assertQuiet(old, ["error"]);
  });
  await t.test("what nobody has touched is as it was", async () => assert.deepEqual(await lostRows(pool), []));

  await stop(next);
  await command(t, ["migrate", "down", "--to", String(PREVIOUS_MIGRATIONS)], { env });
  await t.test(
    "undoing the migration leaves everything else, and the previous release goes on from there",
    async () => {
      assert.deepEqual(await lostRows(pool), []);
      const again = await startProcess(t, ["run"], { env, release });
      const { body: box } = await api(await urlOf(again), "GET", "/organizations/default/templates/box");
      const { body: presets } = await api(
        await urlOf(again),
        "GET",
        `/templateversions/${box["active_version_id"]}/presets`,
      );
      const { id } = (presets as unknown as { id: string; name: string }[]).find(({ name }) => name === "small") ?? {};
      const asked = { name: "again", template_id: box["id"], template_version_preset_id: id };
      const { status, body } = await api(
        await urlOf(again),
        "POST",
        "/organizations/default/members/me/workspaces",
        asked,
      );
      assert.deepEqual([status, body["claimed"]], [201, true]);
      await assertSettled(pool);
      assertQuiet(again, ["error"]);
      await stop(again);
    },
  );
});

async function statusOf(api: Api, at: string, name: string): Promise<unknown> {
  const { body } = await api(at, "GET", `/users/me/workspace/${name}`);
  return (body["latest_build"] as { status?: unknown } | undefined)?.status;
}

/** Claims as a control plane does that shares the database, and waits until a daemon has done the rest. */
async function claimInSql(pool: pg.Pool): Promise<void> {
  const claim = async () => {
    const { rows } = await pool.query<{ id: string | null }>(
      `select claim_prebuild(preset_id => p.id, user_id => u.id, name => 'in-sql') as id
       from templates t join template_version_presets p on p.template_version_id = t.active_version_id, users u
       where t.name = 'box' and p.name = 'large' and u.username = 'admin'`,
    );
    return rows[0]?.id ?? undefined;
  };
  const id = await waitFor("a prebuild to claim", claim, PATIENT);
  const isFinished = async () => {
    const { rowCount } = await pool.query(
      "select from workspaces where id = $1 and latest_build_number = 2 and latest_job_status = 'succeeded'",
      [id],
    );
    return rowCount === 1 || undefined;
  };
  await waitFor("the claim to be finished", isFinished, PATIENT);
}

/** Waits until nothing is under way, and the pools of the active version have what they should have. */
async function assertSettled(pool: pg.Pool): Promise<void> {
  const read = async () => {
    const { rows } = await pool.query<{ what: string; count: number }>(
      `select p.name as what, count(*)::int as count from workspaces w
       join users u on u.id = w.owner_id and u.is_system
       join template_version_presets p on p.id = w.preset_id
       join templates t on t.active_version_id = p.template_version_id and t.name = 'box'
       where not w.deleted and w.agents_ready and w.latest_transition = 'start' group by 1
       union all select 'unfinished', count(*)::int from provisioner_jobs where completed_at is null having count(*) > 0
       union all select 'elsewhere', count(*)::int from workspaces w join users u on u.id = w.owner_id and u.is_system
       where not w.deleted and w.latest_job_status = 'succeeded'
         and w.latest_template_version_id not in (select active_version_id from templates) having count(*) > 0`,
    );
    return Object.fromEntries(rows.map(({ what, count }) => [what, count]));
  };
  const isSettled = (counts: object) =>
    JSON.stringify(Object.entries(counts).sort()) === JSON.stringify(Object.entries(POOLS).sort());
  await waitFor("the pools to be full", async () => isSettled(await read()) || undefined, PATIENT).catch(() => {});
  assert.deepEqual(await read(), { ...POOLS });
}

function assertAnswers(load: Load): void {
  assert.deepEqual(
    load.answers.filter(({ status }) => status !== 200 && status !== 201),
    [],
  );
  const claimed = load.created.filter(({ body }) => body["claimed"] === true);
  assert.ok(claimed.length >= load.created.length / 3, `${claimed.length} of ${load.created.length} were claimed`);
}

async function assertPrebuilds(pool: pg.Pool, { created }: Load): Promise<void> {
  const ids = created.map(({ body }) => body["id"]);
  assert.equal(new Set(ids).size, ids.length);
  const { rows: twice } = await pool.query(
    `select b.workspace_id from workspace_builds b join provisioner_jobs j on j.id = b.job_id
     where j.input->>'prebuilt_workspace_stage' = 'claim' group by 1 having count(*) > 1`,
  );
  assert.deepEqual(twice, []);
  const { rows: wrong } = await pool.query(
    `select w.name, w.latest_transition, w.latest_job_status from unnest($1::uuid[]) as given (id)
     left join workspaces w using (id) left join users u on u.id = w.owner_id
     where u.username is distinct from 'admin' or w.latest_job_status is distinct from 'succeeded'
       or w.name not like 'story-%' or w.created_as_prebuild is distinct from (w.id = any($2::uuid[]))`,
    [ids, created.filter(({ body }) => body["claimed"] === true).map(({ body }) => body["id"])],
  );
  assert.deepEqual(wrong, []);
}

async function assertRuns(pool: pg.Pool, templates: Templates): Promise<void> {
  const { rows } = await pool.query<{ run: string }>(
    `select w.id || ' ' || case j.input->>'prebuilt_workspace_stage' when 'claim' then 'claim' else b.transition end as run
     from workspace_builds b join provisioner_jobs j on j.id = b.job_id join workspaces w on w.id = b.workspace_id
     join templates t on t.id = w.template_id
     where t.name = 'box' and j.job_status = 'succeeded'`,
  );
  assert.deepEqual((await templates.runs()).toSorted(), rows.map(({ run }) => run).toSorted());
  const { rows: living } = await pool.query<{ id: string }>(
    "select w.id from workspaces w join templates t on t.id = w.template_id where t.name = 'box' and not w.deleted",
  );
  assert.deepEqual((await templates.directories()).toSorted(), living.map(({ id }) => id).toSorted());
}

/** Lines of these levels, or that tell of an exception, are complaints. */
function assertQuiet({ logs, text }: DaemonProcess, levels: readonly string[]): void {
  assert.deepEqual(
    logs.filter((line) => levels.includes(line.level) || "err" in line),
    [],
  );
  assert.equal(text(), "");
}
