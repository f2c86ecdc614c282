import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { startApi, writeApplyFile } from "./api.ts";
import { prebuildd, temporaryDirectory } from "./command.ts";

/** A web server that is no daemon, on a port of its own. */
async function startWeb(t: TestContext) {
  const web = createServer((_, response) => response.end("<html>"));
  await new Promise<void>((listening) => web.listen(0, "127.0.0.1", listening));
  const address = `http://127.0.0.1:${(web.address() as AddressInfo).port}`;
  const stop = () => new Promise<void>((closed) => web.close(() => closed()));
  t.after(stop);
  return { address, stop };
}

describe("commands that talk to a daemon", () => {
  it("apply a file, say what changed, and say the second time that nothing did", async (t) => {
    const api = await startApi(t);
    const file = await writeApplyFile(t);
    const first = await api.as(api.admin, "apply", "-f", file);
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stdout, /^created template default\/box\ncreated template version default\/box@[0-9a-f]{12}\n/);
    assert.match(first.stdout, /^4 changed, 1 unchanged\n$/m);
    const second = await api.as(api.admin, "apply", "-f", file, "--json");
    const result = JSON.parse(second.stdout) as { changed: boolean; objects: unknown[] };
    assert.deepEqual([result.changed, result.objects.length], [false, 5]);
  });

  it("place what the daemon does not accept at its line of the file", async (t) => {
    const api = await startApi(t);
    await api.as(api.admin, "apply", "-f", await writeApplyFile(t));
    const file = await writeApplyFile(t, (yaml) => yaml.replace("provisioner: command", "provisioner: terraform"));
    const { code, stdout, stderr } = await api.as(api.admin, "apply", "-f", file);
    assert.equal(stdout, "");
    assert.ok(stderr.includes(`${file}:6:18: templates[0].provisioner: template box is built by command`), stderr);
    assert.equal(code, 1);
  });

  it("place a source that cannot be packed at its line of the file, without asking the daemon", async (t) => {
    const file = await writeApplyFile(t, (yaml) => yaml.replace("./box", "./gone"));
    const { code, stderr } = await prebuildd(t, ["apply", "-f", file]);
    assert.ok(stderr.startsWith(`${file}:7:13: templates[0].source: `), stderr);
    assert.equal(code, 2);
  });

  it("refuse to apply for somebody who does not run the deployment", async (t) => {
    const api = await startApi(t);
    const { code, stderr } = await api.as(api.alice, "apply", "-f", await writeApplyFile(t));
    assert.equal(stderr, "error: you are not allowed to do this: it needs the right deployment_config:update\n");
    assert.equal(code, 1);
  });

  it("show the pools, what is planned for them, and workspaces from claim to delete", async (t) => {
    const api = await startApi(t);
    await api.as(api.admin, "apply", "-f", await writeApplyFile(t));

    const status = await api.as(api.alice, "status");
    assert.match(status.stdout, /^POOL +WANTED +READY +BUILDING +EXPIRED +DELETING +WHY NOT FULL\n/);
    assert.match(status.stdout, /^default\/box: small +2 +0 +0 +0 +0 +2 below target\n$/m);
    const plan = await api.as(api.admin, "plan");
    assert.equal(plan.stdout, "default/box: small: create 2 (below_target)\n  0 of 2 ready; short: 2 below target\n");

    const claim = ["claim", "--template", "box", "--preset", "small", "--name"];
    const made = await api.as(api.alice, ...claim, "mine");
    assert.equal(made.code, 0, made.stderr);
    assert.match(made.stdout, /^building new workspace alice\/mine \([0-9a-f-]{36}\), answered in \d+ ms\n/);
    assert.match(made.stdout, /\nno prebuilt one was claimed: the pool is empty\n$/);
    const again = await api.as(api.alice, ...claim, "mine");
    assert.equal(again.code, 1);
    assert.match(again.stderr, /^error: /);
    const other = JSON.parse((await api.as(api.admin, ...claim, "its", "--user", "alice", "--json")).stdout);
    assert.deepEqual([other.owner_name, other.claimed, other.miss_reason], ["alice", false, "pool_empty"]);
    const unknown = await api.as(api.alice, "claim", "--template", "box", "--preset", "big", "--name", "x");
    assert.equal(unknown.stderr, "error: template box has no preset big; it has plain, small\n");

    const listed = await api.as(api.alice, "workspaces", "list");
    assert.match(listed.stdout, /^WORKSPACE +ORGANIZATION +TEMPLATE +STATUS +CREATED +ID\n/);
    assert.match(listed.stdout, /^alice\/mine +default +box +pending /m);
    const limited = await api.as(api.alice, "workspaces", "list", "--limit", "1", "--json");
    assert.deepEqual([JSON.parse(limited.stdout).workspaces.length, JSON.parse(limited.stdout).count], [1, 2]);

    for (const [user, reference] of [
      [api.alice, "mine"],
      [api.admin, "alice/mine"],
      [api.admin, other.id],
    ] as const) {
      const shown = await api.as(user, "workspaces", "show", reference);
      assert.match(shown.stdout, /^workspace: {2}alice\/(mine|its)\n/, shown.stderr);
    }
    const hidden = await api.as(api.bob, "workspaces", "show", "alice/mine");
    assert.equal(hidden.code, 1);
    await api.pool.query("update provisioner_jobs set started_at = now(), completed_at = now()");
    const deleted = await api.as(api.alice, "workspaces", "delete", "mine");
    assert.match(deleted.stdout, /^deleting alice\/mine \(build [0-9a-f-]{36}\)\n$/, deleted.stderr);
  });

  it("find the daemon through the files in its data directory", async (t) => {
    const api = await startApi(t);
    const dataDir = await temporaryDirectory(t);
    await writeFile(join(dataDir, "url"), `${api.url}\n`);
    await writeFile(join(dataDir, "token"), `${api.admin.token}\n`);
    const { code, stdout } = await prebuildd(t, ["status"], { env: { PREBUILDD_DATA_DIR: dataDir } });
    assert.equal(stdout, "there are no pools\n");
    assert.equal(code, 0);
  });

  it("keep the token of the data directory from servers on other machines", async (t) => {
    const dataDir = await temporaryDirectory(t);
    await writeFile(join(dataDir, "token"), "secret\n");
    const env = { PREBUILDD_DATA_DIR: dataDir, PREBUILDD_URL: "http://prebuildd.invalid" };
    const { code, stderr } = await prebuildd(t, ["status"], { env });
    assert.match(stderr, /^error: there is no token for http:\/\/prebuildd\.invalid: PREBUILDD_TOKEN is not set/);
    assert.equal(code, 1);
  });

  it("say in one sentence that no daemon answers, and how to start one", async (t) => {
    const gone = await startWeb(t);
    await gone.stop();
    const env = { PREBUILDD_URL: gone.address, PREBUILDD_TOKEN: "x" };
    const { stderr, code } = await prebuildd(t, ["status"], { env });
    const how = "start one with `prebuildd run`, or set PREBUILDD_URL";
    assert.equal(stderr, `error: no daemon answers at ${gone.address}; ${how}\n`);
    assert.equal(code, 1);
    const none = await prebuildd(t, ["status"]);
    assert.equal(none.stderr, `error: no daemon is running with the data directory .prebuildd; ${how}\n`);
  });

  it("say that a token is wrong, and that what answers is no daemon", async (t) => {
    const api = await startApi(t);
    const wrong = await api.as({ token: "wrong" }, "status");
    assert.match(wrong.stderr, /^error: .*; check PREBUILDD_TOKEN\n$/);
    const web = await startWeb(t);
    const env = { PREBUILDD_URL: web.address, PREBUILDD_TOKEN: "x" };
    const { stderr, code } = await prebuildd(t, ["status"], { env });
    assert.match(stderr, /is no prebuildd daemon \(status 200\); check PREBUILDD_URL\n$/);
    assert.equal(code, 1);
  });
});
