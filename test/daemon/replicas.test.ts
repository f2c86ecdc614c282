import assert from "node:assert/strict";
import { it, type TestContext } from "node:test";
import { type DaemonProcess, startProcess } from "../support/daemon.ts";
import { createTestDatabase } from "../support/database.ts";
import { waitFor } from "../support/wait-for.ts";

const LEADS = "this replica leads now";
const leads = (replica: DaemonProcess) =>
  replica.logs.filter((line) => line.msg === LEADS).length >
  replica.logs.filter((line) => line.msg === "this replica no longer leads").length;

type Two = { readonly leader: DaemonProcess; readonly standby: DaemonProcess; readonly urls: readonly string[] };

async function twoReplicas(t: TestContext): Promise<Two> {
  const { url } = await createTestDatabase(t);
  const env = { DATABASE_URL: url, PREBUILDD_PROVISIONERS: "0" };
  const replicas = await Promise.all([startProcess(t, ["run"], { env }), startProcess(t, ["run"], { env })]);
  const urls = await Promise.all(replicas.map((replica) => replica.ready()));
  const leader = await waitFor("a leader", () => replicas.find(leads));
  const standby = replicas.find((replica) => replica !== leader);
  assert.ok(standby);
  assert.ok(!leads(standby), "only one of them leads");
  return { leader, standby, urls };
}

/** A scrape of each replica: what it says of the deployment, and what of itself. */
async function scrapes(urls: readonly string[]): Promise<{ shared: string[]; own: string[] }> {
  const bodies = await Promise.all(urls.map(async (url) => (await fetch(`${url}/metrics`)).text()));
  const parts = bodies.map((body) => body.split("# HELP prebuildd_metrics_refreshes_total"));
  return { shared: parts.map(([shared = ""]) => shared), own: parts.map(([, own = ""]) => own) };
}

it("of two replicas exactly one leads, and when it is told to stop the other leads within a second", async (t) => {
  const { leader, standby, urls } = await twoReplicas(t);
  const { shared, own } = await scrapes(urls);
  assert.match(
    shared[0] ?? "",
    /^coderd_prebuilt_workspaces_metrics_last_updated \d{10}$/m,
    "from the first moment on",
  );
  assert.equal(shared[0], shared[1], "both export the same values");
  const leaders = own.map((text) => /^prebuildd_leader (\d)$/m.exec(text)?.[1]);
  assert.deepEqual(leaders.toSorted(), ["0", "1"]);
  for (const text of own) assert.match(text, /^prebuildd_database_up 1$/m);
  leader.child.kill("SIGTERM");
  await waitFor("the standby to lead", () => leads(standby), { timeoutMs: 1_000, intervalMs: 5 });
  assert.deepEqual(await leader.exited(), { code: 0, signal: null });
});

it("when the leader is killed, the other replica leads within ten seconds", async (t) => {
  const { leader, standby } = await twoReplicas(t);
  leader.child.kill("SIGKILL");
  await waitFor("the standby to lead", () => leads(standby), { timeoutMs: 10_000 });
});

it("when the leader is frozen, the other replica leads within ten seconds, and the frozen one no longer when it goes on", async (t) => {
  const { leader, standby } = await twoReplicas(t);
  leader.child.kill("SIGSTOP");
  await waitFor("the standby to lead", () => leads(standby), { timeoutMs: 10_000 });
  leader.child.kill("SIGCONT");
  await waitFor("the frozen one to notice", () => !leads(leader) || undefined);
  assert.ok(leads(standby), "only one of them leads");
});

it("a replica whose database connections are all cut leads again and goes on", async (t) => {
  const { url, pool } = await createTestDatabase(t);
  const daemon = await startProcess(t, ["run"], { env: { DATABASE_URL: url, PREBUILDD_PROVISIONERS: "1" } });
  const api = await daemon.ready();
  await daemon.logged(LEADS);
  await pool.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
  );
  await daemon.logged("this replica no longer leads");
  await waitFor("it to lead again", () => daemon.logs.filter((line) => line.msg === LEADS).length === 2 || undefined);
  await waitFor("it to be ready again", async () => (await fetch(`${api}/readyz`)).ok || undefined);
  assert.equal((await fetch(`${api}/healthz`)).status, 200);
});
