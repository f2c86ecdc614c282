import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { awaitLastWork } from "../../src/provisioner/terraform/last-work.ts";
import { needsTerraform } from "../support/terraform.ts";
import { makeDirectory } from "./command-template.ts";
import { errorOf, givenHanging, givenTemplate, recordingBuild } from "./terraform-template.ts";

const never = new AbortController().signal;

/** A directory in which a process group is noted that lives until the test ends. */
async function givenGroup(t: TestContext, status: (pid: number) => string) {
  const child = spawn("sleep", ["600"], { detached: true, stdio: "ignore" });
  const { pid } = child;
  assert.ok(pid);
  t.after(() => child.kill("SIGKILL"));
  const directory = await makeDirectory(t);
  await writeFile(join(directory, ".prebuildd.pid"), `${pid}\n${status(pid)}`);
  return { directory, pid, child };
}

const statusOf = (pid: number) => readFileSync(`/proc/${pid}/stat`, "utf8");
const onLinux = { skip: existsSync("/proc/self/stat") ? false : "only Linux tells when a process began" };

describe("the last work of an earlier attempt", onLinux, () => {
  test("that goes on although its daemon should be gone is not interfered with", async (t) => {
    const { directory, pid } = await givenGroup(t, statusOf);
    const problem = await awaitLastWork(directory, never, 150);
    assert.ok(
      problem?.startsWith(`the terraform of an earlier attempt still runs in ${directory}, as process group ${pid}:`),
    );
  });

  test("has ended when its id is that of a process which began at another time", async (t) => {
    const { directory } = await givenGroup(t, (pid) => statusOf(pid).replace(/(\d+)((?: \S+){30})\n$/, "1$1$2\n"));
    assert.equal(await awaitLastWork(directory, never, 60_000), undefined);
  });

  test("is taken to have ended after a while where nothing says when it began", async (t) => {
    const { directory } = await givenGroup(t, () => "\n");
    assert.equal(await awaitLastWork(directory, never, 150), undefined);
  });

  test("is not waited for any longer when the build is canceled", async (t) => {
    const { directory } = await givenGroup(t, statusOf);
    const problem = await awaitLastWork(directory, AbortSignal.timeout(100), 60_000);
    assert.equal(problem, "terraform was canceled before it began");
  });

  test("ends a build that is canceled while it waits, and leaves its directory alone", needsTerraform, async (t) => {
    const template = await givenTemplate(t, "");
    const { directory } = await givenGroup(t, statusOf);
    const note = readFileSync(join(directory, ".prebuildd.pid"));
    await mkdir(template.runDir, { recursive: true });
    await writeFile(join(template.runDir, ".prebuildd.pid"), note);
    const { result } = await template.build({}, recordingBuild(AbortSignal.timeout(200)));
    assert.equal(errorOf(result), "terraform was canceled before it began");
    assert.deepEqual(readFileSync(join(template.runDir, ".prebuildd.pid")), note);
  });

  test("is known by when its process began, which Terraform's does not change", needsTerraform, async (t) => {
    const template = await givenHanging(t);
    const building = template.build();
    const pid = await template.hanging();
    const [id, status = ""] = readFileSync(join(template.runDir, ".prebuildd.pid"), "utf8").split("\n");
    assert.equal(id, String(pid));
    const startOf = (text: string) => text.slice(text.lastIndexOf(")")).split(" ")[20];
    assert.equal(startOf(status), startOf(statusOf(pid)));
    await template.go();
    assert.equal(errorOf((await building).result), "");
  });
});
