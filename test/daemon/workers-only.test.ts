import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { it, type TestContext } from "node:test";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { type CommandPool, givenCommandPool } from "../support/command-pool.ts";
import { type DaemonProcess, startProcess } from "../support/daemon.ts";
import { createDatabaseWithPeople, createTestDatabase } from "../support/database.ts";
import { count } from "../support/given.ts";
import { runStatement, withDatabase } from "../support/postgres.ts";
import { waitFor } from "../support/wait-for.ts";

const LEADS = "this replica leads now";
/** A build whose worker has died is taken over after twenty seconds. */
const PATIENT = { timeoutMs: 60_000 };
const hasLed = (replica: DaemonProcess) => replica.logs.some(({ msg }) => msg === LEADS);
const ended = (replica: DaemonProcess) => replica.logs.filter(({ msg }) => msg.startsWith("build succeeded")).length;

/** A replica that runs one build at a time and nothing else. */
const startWorkersOnly = (t: TestContext, url: string) =>
  startProcess(t, ["run"], {
    env: { DATABASE_URL: url, PREBUILDD_PROVISIONERS: "1", PREBUILDD_WORKERS_ONLY: "true" },
  });

/** One that runs no builds, as the others of such a deployment. */
const startWithoutWorkers = (t: TestContext, url: string) =>
  startProcess(t, ["run"], { env: { DATABASE_URL: url, PREBUILDD_PROVISIONERS: "0" } });

async function claim(url: string, token: string, pool: CommandPool): Promise<string> {
  const answer = await fetch(`${url}/api/v2/organizations/default/members/me/workspaces`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({
      name: "mine",
      template_version_id: pool.versionId,
      template_version_preset_id: pool.presetId,
    }),
  });
  const body = (await answer.json()) as { id: string; claimed: boolean };
  assert.equal(body.claimed, true, JSON.stringify(body));
  return body.id;
}

it("replicas that run builds only share the builds of one that runs none, never lead, and finish what one of them began that was killed", async (t) => {
  const { url, pool, people } = await createDatabaseWithPeople(t);
  const scripts = {
    // The first two wait for one another, so that each worker has one.
    start: "echo >> $TEST_DIR/begun; until [ $(wc -l < $TEST_DIR/begun) -ge 2 ]; do sleep 0.05; done",
    claim: "true",
  };
  const template = await givenCommandPool(t, pool, scripts, { desired: 2 });
  const [first, ...workers] = await Promise.all([
    startWithoutWorkers(t, url),
    startWorkersOnly(t, url),
    startWorkersOnly(t, url),
  ]);
  const isFull = async () =>
    (await count({ pool }, "workspaces where agents_ready and owner_id = $1", [PREBUILDS_SYSTEM_USER_ID])) === 2;
  await waitFor("the pool to be full", isFull, PATIENT);
  await waitFor("both to have taken part", () => workers.every((worker) => ended(worker) === 1), PATIENT);
  assert.equal(ended(first), 0);

  const hanging = 'echo "$PREBUILDD_WORKSPACE_DIR" >> $TEST_DIR/dirs; [ $(wc -l < $TEST_DIR/dirs) -gt 1 ] || sleep 600';
  await template.write("start", hanging);
  const id = await claim(await first.ready(), people.alice.token, template);
  const isClaimBuilt = async () =>
    (await count({ pool }, "workspaces where id = $1 and latest_build_number = 2 and agents_ready", [id])) === 1;
  await waitFor("the claim build to have run", isClaimBuilt, PATIENT);

  // The refill hangs on one of them. That one and the leader die.
  const dir = await waitFor("the refill to be begun", async () =>
    (await readFile(join(template.testDir, "dirs"), "utf8").catch(() => "")).trim(),
  );
  const victim = workers.find(({ dataDir }) => dir.startsWith(dataDir)) ?? assert.fail(dir);
  const survivor = workers.find((worker) => worker !== victim) ?? assert.fail();
  for (const { child } of [victim, first]) child.kill("SIGKILL");
  await waitFor("the survivor to finish it", isFull, PATIENT);
  const { rows } = await pool.query(
    "select from pg_stat_activity where application_name = 'prebuildd leader' and datname = current_database()",
  );
  assert.equal(rows.length, 0, "nobody competes");

  await pool.query("update template_version_presets set desired_instances = 3");
  const builtBefore = ended(survivor);
  const next = await startWithoutWorkers(t, url);
  await next.logged(LEADS);
  await waitFor("the survivor to build what the next leader creates", () => ended(survivor) > builtBefore, PATIENT);
  for (const worker of workers) assert.ok(!hasLed(worker));
});

it("a replica that runs builds only answers probes and metrics and nothing else, leaves the roles alone, and is not ready while the database is away", async (t) => {
  const { url, pool } = await createTestDatabase(t);
  const name = new URL(url).pathname.slice(1);
  const administer = (statement: string) => runStatement(withDatabase(url, "postgres"), statement);
  const worker = await startWorkersOnly(t, url);
  const base = await worker.ready();
  for (const path of ["/healthz", "/readyz"]) assert.equal((await fetch(base + path)).status, 200);
  for (const path of ["/", "/api/v2/buildinfo", "/api/v2/openapi.json"])
    assert.equal((await fetch(base + path)).status, 404, path);
  const metrics = await (await fetch(`${base}/metrics`)).text();
  for (const value of ["prebuildd_leader 0", "prebuildd_database_up 1", "prebuildd_provisioners 1"])
    assert.match(metrics, new RegExp(`^${value}$`, "m"));

  const declared = await count({ pool }, "site_configs where key = 'system_roles'");
  assert.equal(declared, 0, "what roles grant is for those to say who go by it");

  await administer(`alter database ${name} allow_connections false`);
  await administer(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`);
  const readiness = async () => (await fetch(`${base}/readyz`)).text();
  await waitFor("it to be unready", async () => (await readiness()).includes("the database does not answer"));
  assert.equal((await fetch(`${base}/healthz`)).status, 200, "a restart would not help");
  await administer(`alter database ${name} allow_connections true`);
  await waitFor("it to be ready again", async () => (await fetch(`${base}/readyz`)).ok);
});
