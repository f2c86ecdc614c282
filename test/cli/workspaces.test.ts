import assert from "node:assert/strict";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { givenTemplate, givenWorkspace } from "../http/world.ts";
import { waitFor } from "../support/wait-for.ts";
import { startApi } from "./api.ts";
import { type Running, startPrebuildd } from "./command.ts";

/** The API with a running workspace of alice's, `dev`, and a way to print to its build's log. */
async function given(t: TestContext, job: "running" | "succeeded" = "succeeded") {
  const api = await startApi(t);
  const template = await givenTemplate(api);
  const workspace = await givenWorkspace(api, { ownerId: api.alice.id, name: "dev", template, job });
  const print = (...lines: string[]) =>
    api.pool.query(
      `insert into provisioner_job_logs (job_id, source, level, stage, output)
        select $1, 'provisioner', 'info', 'start', line from unnest($2::text[]) with ordinality l (line, n) order by n`,
      [workspace.jobId, lines],
    );
  const endBuilds = () => api.pool.query("update provisioner_jobs set completed_at = now() where completed_at is null");
  return { api, template, workspace, print, endBuilds };
}

const printed = (running: Running, text: string) =>
  waitFor(`${text} to be printed`, () => running.printed().includes(text));

test("a workspace is stopped, canceled, started and deleted, and its builds are listed", async (t) => {
  const { api, endBuilds } = await given(t);
  const run = (...args: string[]) => api.as(api.alice, "workspaces", ...args);
  assert.match((await run("stop", "dev")).stdout, /^stopping alice\/dev \(build [0-9a-f-]{36}\)\n$/);
  const early = await run("start", "alice/dev");
  assert.deepEqual([early.code, early.stdout], [1, ""]);
  assert.match(early.stderr, /^error: another build of this workspace is under way; wait for it or cancel it\n$/);
  assert.equal((await run("cancel", "dev")).stdout, "the stop of alice/dev is canceled\n");
  const late = await run("cancel", "dev");
  assert.deepEqual([late.code, late.stderr], [1, "error: the build has ended or is being canceled already\n"]);
  assert.match((await run("start", "dev")).stdout, /^starting alice\/dev /);
  await endBuilds();
  const builds = (await run("builds", "dev")).stdout.split("\n");
  assert.match(builds[0] ?? "", /^BUILD +TRANSITION +STATUS +VERSION +REASON +INITIATOR +CREATED +ID +ERROR$/);
  assert.deepEqual(
    builds.slice(1, 4).map((line) => line.trim().split(/ +/).slice(0, 3)),
    [
      ["3", "start", "running"],
      ["2", "stop", "canceled"],
      ["1", "start", "running"],
    ],
  );
  const newest = JSON.parse((await run("builds", "dev", "--limit", "1", "--json")).stdout);
  assert.deepEqual(
    newest.map((build: { build_number: number }) => build.build_number),
    [3],
  );
  assert.equal(JSON.parse((await run("delete", "dev", "--json")).stdout).transition, "delete");
});

test("a workspace is orphaned by who may change its template", async (t) => {
  const { api, workspace } = await given(t);
  const refused = await api.as(api.alice, "workspaces", "delete", "dev", "--orphan");
  assert.deepEqual([refused.code, refused.stdout], [1, ""]);
  assert.match(refused.stderr, /it needs the right template:update/);
  const orphaned = await api.as(api.admin, "workspaces", "delete", workspace.id, "--orphan");
  assert.equal(orphaned.stdout, "deleted alice/dev; what its template has made stays\n", orphaned.stderr);
  const gone = await api.as(api.alice, "workspaces", "show", "dev");
  assert.equal(gone.code, 1);
});

test("a log is printed, without what a terminal would obey, of the latest build or of the one that is asked for", async (t) => {
  const { api, print, endBuilds } = await given(t);
  await print("one", "\u001b[31mtwo\u001b[0m\u0007", "\tthree");
  const run = (...args: string[]) => api.as(api.alice, "workspaces", "logs", "dev", ...args);
  assert.equal((await run()).stdout, "one\ntwo\n\tthree\n");
  await api.as(api.alice, "workspaces", "stop", "dev");
  await endBuilds();
  assert.equal((await run()).stdout, "");
  const lines = JSON.parse((await run("--build", "1", "--json")).stdout);
  assert.deepEqual(
    lines.map((line: { output: string }) => line.output),
    ["one", "\u001b[31mtwo\u001b[0m\u0007", "\tthree"],
  );
  const missing = await run("--build", "9");
  assert.deepEqual([missing.code, missing.stderr], [1, "error: alice/dev has no build 9\n"]);
  const both = await run("--follow", "--json");
  assert.equal(both.code, 2);
});

test("a long log is printed whole", async (t) => {
  const { api, print } = await given(t);
  const lines = Array.from({ length: 2_500 }, (_, n) => `line ${n}`);
  await print(...lines);
  const { stdout } = await api.as(api.alice, "workspaces", "logs", "dev");
  assert.equal(stdout, `${lines.join("\n")}\n`);
});

test("a log is followed until the build has ended", async (t) => {
  const { api, print, endBuilds } = await given(t, "running");
  await print("before");
  const env = { PREBUILDD_URL: api.url, PREBUILDD_TOKEN: api.alice.token };
  const running = startPrebuildd(t, ["workspaces", "logs", "dev", "--follow"], env);
  await printed(running, "before\n");
  await print("meanwhile");
  await printed(running, "meanwhile\n");
  await endBuilds();
  const { code, stdout, stderr } = await running.ended;
  assert.deepEqual([code, stdout, stderr], [0, "before\nmeanwhile\n", "build 1 has ended: succeeded\n"]);
});

test("a log that is followed goes on where it was when the connection was lost, and Ctrl-C ends it", async (t) => {
  const { api, print } = await given(t, "running");
  const sockets = new Set<Socket>();
  const between = createServer((socket) => {
    const upstream = connect(Number(new URL(api.url).port), "127.0.0.1");
    for (const one of [socket, upstream]) sockets.add(one.on("error", () => {}));
    socket.pipe(upstream).pipe(socket);
  });
  await new Promise<void>((resolve) => between.listen(0, "127.0.0.1", resolve));
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  t.after(() => between.close());
  t.after(cut);
  const env = {
    PREBUILDD_URL: `http://127.0.0.1:${(between.address() as AddressInfo).port}`,
    PREBUILDD_TOKEN: api.alice.token,
  };
  const running = startPrebuildd(t, ["workspaces", "logs", "dev", "--follow"], env);
  await print("one");
  await printed(running, "one\n");
  cut();
  await print("two");
  await printed(running, "two\n");
  running.child.kill("SIGINT");
  const { code, stdout, stderr } = await running.ended;
  assert.deepEqual([code, stdout], [0, "one\ntwo\n"]);
  assert.match(stderr, /trying again/);
});
