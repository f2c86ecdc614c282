import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { it, type TestContext } from "node:test";
import type pg from "pg";
import { packSource } from "../../src/templates/sources.ts";
import { findUser } from "../../src/users/store.ts";
import { createToken } from "../../src/users/tokens/create.ts";
import { type DaemonProcess, startProcess, temporaryDirectory } from "../support/daemon.ts";
import { emptyDatabase } from "../support/database.ts";
import { startPooler } from "../support/pgbouncer.ts";
import { waitFor } from "../support/wait-for.ts";

const SIZE = 5;
const CLAIMS = 50;
const LEADS = "this replica leads now";
const ORGANIZATION = "/api/v2/organizations/default";
/** A build whose worker has died is taken over after twenty seconds. */
const PATIENT = { timeoutMs: 60_000 };

const APPLY_FILE = `
users: [{ username: told, email: told@example.com, roles: [template-admin] }]
templates:
  - name: box
    provisioner: command
    source: ./box
    presets:
      - { name: small, parameters: { hangs: "no" }, prebuilds: { instances: ${SIZE} } }
      - { name: hanging, parameters: { hangs: "yes" } }
`;

type Workspace = {
  readonly id: string;
  readonly claimed: boolean;
  readonly miss_reason: string | null;
  readonly latest_build: { readonly id: string; readonly status: string };
};
type Answer = { readonly status: number; readonly body: unknown };

/** An apply file whose template starts at once, or hangs where a parameter says so. */
async function writeExample(t: TestContext): Promise<{ file: string; source: string }> {
  const directory = await temporaryDirectory(t);
  const source = join(directory, "box");
  await mkdir(source);
  await writeFile(join(source, "start"), '#!/bin/sh\n[ "$PREBUILDD_PARAMETER_HANGS" = no ] || sleep 600\n', {
    mode: 0o755,
  });
  const file = join(directory, "prebuildd.yaml");
  await writeFile(file, APPLY_FILE);
  return { file, source };
}

/** The API of several replicas, which are asked in turn. */
async function apiOf(pool: pg.Pool, urls: readonly string[]) {
  const admin = (await findUser(pool, "admin")) ?? assert.fail("there is no admin");
  const token = await createToken(pool, { userId: admin.id, name: "test" });
  let asked = 0;
  const send = async (method: string, path: string, body?: unknown): Promise<Answer> => {
    const type = body === undefined ? {} : { "content-type": "application/json" };
    const json = body === undefined ? {} : { body: JSON.stringify(body) };
    asked += 1;
    const url = urls[asked % urls.length] + path;
    const answer = await fetch(url, { method, headers: { authorization: `Bearer ${token}`, ...type }, ...json });
    return { status: answer.status, body: await answer.json() };
  };
  const get = async <T>(path: string) => (await send("GET", path)).body as T;
  const template = () => get<{ id: string; active_version_id: string }>(`${ORGANIZATION}/templates/box`);
  const presets = async () =>
    get<{ id: string; name: string }[]>(`/api/v2/templateversions/${(await template()).active_version_id}/presets`);
  let named = 0;
  const ask = async (presetName: string) => {
    const preset = (await presets()).find(({ name }) => name === presetName) ?? assert.fail(presetName);
    const { id: template_id } = await template();
    return () => {
      named += 1;
      const json = { name: `ws-${named}`, template_id, template_version_preset_id: preset.id };
      return send("POST", `${ORGANIZATION}/members/me/workspaces`, json);
    };
  };
  return {
    send,
    template,
    ask,
    async isFull() {
      const { active_version_id } = await template();
      const pools = await get<Record<string, unknown>[]>("/api/v2/prebuilds/pools");
      return pools.some(
        (one) => one["template_version_id"] === active_version_id && one["eligible"] === SIZE && pools.length === 1,
      );
    },
    workspace: (id: string) => get<Workspace>(`/api/v2/workspaces/${id}`),
    job: (id: string) => get<{ status: string }>(`${ORGANIZATION}/provisionerjobs/${id}`),
  };
}

/** What was logged that somebody should look at, and that nobody has asked for. */
const troubles = ({ logs }: DaemonProcess, from = 0) =>
  logs
    .slice(from)
    .filter(({ level, msg }) => (level === "warn" || level === "error") && !msg.startsWith("build canceled"));

it("two replicas behind a transaction pooler do everything without a complaint, and go on when the pooler or the leader has died", async (t) => {
  const { url: directUrl, pool } = await emptyDatabase(t);
  const pooler = await startPooler(t, directUrl, "transaction");
  if (pooler === undefined) return t.skip("PgBouncer is not installed");
  const { file, source } = await writeExample(t);
  const env = {
    DATABASE_URL: pooler.url,
    DATABASE_DIRECT_URL: directUrl,
    PREBUILDD_PROVISIONERS: "2",
    PREBUILDD_METRICS_INTERVAL: "1s",
  };
  const replicas = await Promise.all([
    startProcess(t, ["run", "--apply", file], { env }),
    startProcess(t, ["run"], { env }),
  ]);
  const urls = await Promise.all(replicas.map((replica) => replica.ready()));
  const api = await apiOf(pool, urls);
  await waitFor("the pool to be full", api.isFull, PATIENT);

  // Fifty at once.
  const claim = await api.ask("small");
  const answers = await Promise.all(Array.from({ length: CLAIMS }, claim));
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [201]);
  const workspaces = answers.map(({ body }) => body as Workspace);
  assert.equal(new Set(workspaces.map(({ id }) => id)).size, CLAIMS);
  assert.ok(workspaces.filter(({ claimed }) => claimed).length >= SIZE);
  for (const { claimed, miss_reason } of workspaces)
    assert.ok(claimed || ["pool_empty", "not_ready"].includes(miss_reason ?? ""), `${miss_reason}`);
  const areRunning = async () => {
    const { rowCount } = await pool.query(
      "select from workspaces where latest_job_status = 'succeeded' and agents_ready",
    );
    return rowCount === CLAIMS + SIZE;
  };
  await waitFor("all to be built, and the pool to be full again", areRunning, PATIENT);

  // A cancellation, a delete and a push.
  const hanging = (await (await api.ask("hanging"))()).body as Workspace;
  const statusOf = async ({ id }: Workspace) => (await api.workspace(id)).latest_build?.status;
  await waitFor("the build to run", async () => (await statusOf(hanging)) === "starting", PATIENT);
  assert.equal((await api.send("PATCH", `/api/v2/workspacebuilds/${hanging.latest_build.id}/cancel`)).status, 200);
  await waitFor("it to be canceled", async () => (await statusOf(hanging)) === "canceled", PATIENT);
  const [gone = assert.fail()] = workspaces;
  const deletion = await api.send("POST", `/api/v2/workspaces/${gone.id}/builds`, { transition: "delete" });
  assert.equal(deletion.status, 201);
  const isGone = async () => (await api.send("GET", `/api/v2/workspaces/${gone.id}`)).status === 404;
  await waitFor("it to be gone", isGone, PATIENT);
  await writeFile(join(source, "readme"), "second version");
  const { hash, data } = await packSource(source, "command");
  const before = (await api.template()).active_version_id;
  const body = { source: { hash, archive: data.toString("base64") } };
  assert.equal((await api.send("POST", `${ORGANIZATION}/templates/box/push`, body)).status, 202);
  await waitFor("the version", async () => (await api.template()).active_version_id !== before, PATIENT);
  await waitFor("the pool of the new version to be full", api.isFull, PATIENT);

  const scrapes = await Promise.all(urls.map(async (at) => (await fetch(`${at}/metrics`)).text()));
  for (const text of scrapes) assert.match(text, /^prebuildd_metrics_refreshes_total\{result="failed"\} 0$/m);
  assert.ok(
    scrapes.some((text) => /^prebuildd_lifecycle_duration_seconds_count [1-9]/m.test(text)),
    "the leader has applied the rules of the lifecycle",
  );
  for (const replica of replicas) assert.deepEqual(troubles(replica), []);

  // The pooler dies with all its connections, then the leader.
  const again = await api.ask("small");
  await pooler.restart();
  await waitFor("a claim", async () => ((await again()).body as Workspace).claimed, PATIENT);
  const leader = replicas.find(({ logs }) => logs.some(({ msg }) => msg === LEADS)) ?? assert.fail();
  const other = replicas.find((replica) => replica !== leader) ?? assert.fail();
  assert.ok(!other.logs.some(({ msg }) => msg === LEADS), "only one of them leads");
  leader.child.kill("SIGKILL");
  await other.logged(LEADS);
  const rest = await apiOf(pool, [await other.ready()]);
  await waitFor("the pool to be full", rest.isFull, PATIENT);
  const logged = other.logs.length;
  const last = await rest.ask("small");
  assert.equal(((await last()).body as Workspace).claimed, true);
  await waitFor("the pool to be full again", rest.isFull, PATIENT);
  assert.deepEqual(troubles(other, logged), []);
});
