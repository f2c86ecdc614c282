import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { givenUser } from "../http/server.ts";
import { givenTemplate, givenWorkspace, type WorkspaceOptions } from "../http/world.ts";
import { startApi } from "./api.ts";

/** The real API with a prebuild that waits and one that runs, alice's workspace that waits, and one that has failed. */
async function givenApi(t: TestContext) {
  const api = await startApi(t);
  const template = await givenTemplate(api);
  const add = async (name: string, ownerId: string, job: NonNullable<WorkspaceOptions["job"]>) =>
    (await givenWorkspace(api, { ownerId, name, template, job })).jobId;
  const ids = {
    waiting: await add("waiting", PREBUILDS_SYSTEM_USER_ID, "pending"),
    running: await add("running", PREBUILDS_SYSTEM_USER_ID, "running"),
    dev: await add("dev", api.alice.id, "pending"),
    failed: await add("failed", api.alice.id, "failed"),
  };
  const statusOf = async (job: keyof typeof ids) =>
    (await api.pool.query("select job_status from provisioner_jobs where id = $1", [ids[job]])).rows[0].job_status;
  return { ...api, ids, statusOf };
}

describe("jobs list", () => {
  it("lists the jobs of an organization, those in a state, and those that somebody has asked for", async (t) => {
    const api = await givenApi(t);
    const all = await api.as(api.admin, "jobs", "list");
    assert.equal(all.code, 0, all.stderr);
    assert.match(all.stdout, /^CREATED +STATUS +BUILD +WORKSPACE +TEMPLATE +INITIATOR +ID +ERROR\n/);
    assert.match(
      all.stdout,
      /^\S+Z +failed +start +alice\/failed +devbox@\w+ +alice +[0-9a-f-]{36} {2}start exited with code 3\n/m,
    );
    assert.equal(all.stdout.split("\n").length, 6);
    const names = async (...args: string[]) => {
      const { stdout } = await api.as(api.admin, "jobs", "list", "--json", ...args);
      return (JSON.parse(stdout) as { metadata: { workspace_name: string } }[])
        .map(({ metadata }) => metadata.workspace_name)
        .sort();
    };
    assert.deepEqual(await names("--initiator", "prebuilds"), ["running", "waiting"]);
    assert.deepEqual(await names("--initiator", "prebuilds", "--status", "pending"), ["waiting"]);
    assert.deepEqual(await names("--status", "failed,running"), ["failed", "running"]);
    assert.equal((await names("--limit", "2")).length, 2);
    const none = await api.as(api.admin, "jobs", "list", "--status", "succeeded");
    assert.equal(none.stdout, "there are no such jobs\n");
    const other = await api.as(api.admin, "jobs", "list", "--organization", "other", "--json");
    assert.deepEqual(JSON.parse(other.stdout), []);
  });

  it("is not for members", async (t) => {
    const api = await givenApi(t);
    const { code, stderr } = await api.as(api.alice, "jobs", "list");
    assert.equal(code, 1);
    assert.match(stderr, /^error: you are not allowed to do this: it needs the right provisioner_jobs:read/);
  });
});

describe("jobs cancel", () => {
  it("cancels all waiting prebuilds, and nothing else", async (t) => {
    const api = await givenApi(t);
    const args = ["jobs", "cancel", "--initiator", "prebuilds", "--status", "pending"];
    const { code, stdout, stderr } = await api.as(api.admin, ...args);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.equal(stdout, `canceled the start of prebuilds/waiting (job ${api.ids.waiting})\n1 canceled\n`);
    assert.deepEqual(
      [await api.statusOf("waiting"), await api.statusOf("running"), await api.statusOf("dev")],
      ["canceled", "running", "pending"],
    );
    assert.equal((await api.as(api.admin, ...args)).stdout, "0 canceled\n");
  });

  it("cancels what has begun only when it is told to", async (t) => {
    const api = await givenApi(t);
    await api.as(api.admin, "jobs", "cancel", "--initiator", "prebuilds");
    assert.equal(await api.statusOf("running"), "running");
    const both = ["jobs", "cancel", "--initiator", "prebuilds", "--status", "pending,running", "--json"];
    const { stdout } = await api.as(api.admin, ...both);
    assert.deepEqual(JSON.parse(stdout), { canceled: [api.ids.running], too_late: [], refused: [] });
    assert.equal(await api.statusOf("running"), "canceling");
  });

  it("cancels one by its id, once, and says why it cannot", async (t) => {
    const api = await givenApi(t);
    const once = await api.as(api.admin, "jobs", "cancel", api.ids.dev);
    assert.deepEqual([once.code, once.stdout], [0, `canceled the start of alice/dev (job ${api.ids.dev})\n`]);
    assert.equal(await api.statusOf("dev"), "canceled");
    const again = await api.as(api.admin, "jobs", "cancel", api.ids.dev);
    assert.deepEqual([again.code, again.stdout], [1, ""]);
    assert.match(again.stderr, /^error: .*ended/);
    assert.equal((await api.as(api.admin, "jobs", "cancel", "nonsense")).code, 1);
  });

  it("goes on past what the caller may not cancel, and fails in the end", async (t) => {
    const api = await givenApi(t);
    const manager = await givenUser(api, { roles: ["organization-template-admin"] });
    const { code, stdout, stderr } = await api.as(manager, "jobs", "cancel", "--status", "pending", "--json");
    assert.deepEqual(JSON.parse(stdout), { canceled: [api.ids.waiting], too_late: [], refused: [api.ids.dev] });
    assert.match(stderr, /^error: 1 not canceled: you are not allowed to do this/);
    assert.equal(code, 1);
    assert.deepEqual([await api.statusOf("waiting"), await api.statusOf("dev")], ["canceled", "pending"]);
  });

  it("goes on past what has ended meanwhile, and says how many those were", async (t) => {
    const api = await givenApi(t);
    await api.pool.query(
      `create function end_others() returns trigger language plpgsql as $$ begin
        update provisioner_jobs set started_at = now(), completed_at = now() where completed_at is null;
        return null;
      end $$`,
    );
    await api.pool.query(
      `create trigger end_others after update on provisioner_jobs
        for each statement when (pg_trigger_depth() = 0) execute function end_others()`,
    );
    const { code, stdout, stderr } = await api.as(api.admin, "jobs", "cancel", "--status", "pending");
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, /^canceled the start of \S+ \(job \S+\)\n1 canceled, 1 too late\n$/);
  });

  it("wants to be told which jobs, in one way", async (t) => {
    const api = await givenApi(t);
    for (const [args, says] of [
      [[], /^say which jobs to cancel: either one by its id, or all that match/],
      [[api.ids.dev, "--status", "pending"], /^say which jobs to cancel: either/],
      [["--status", "failed"], /must be one or several of pending, running, separated by commas/],
    ] as const) {
      const { code, stdout, stderr } = await api.as(api.admin, "jobs", "cancel", ...args);
      assert.deepEqual([code, stdout], [2, ""]);
      assert.match(stderr, says);
    }
    assert.equal(await api.statusOf("waiting"), "pending");
  });
});
