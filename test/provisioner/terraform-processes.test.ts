import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { binary, needsTerraform } from "../support/terraform.ts";
import { waitFor } from "../support/wait-for.ts";
import { makeDirectory, requestFor } from "./command-template.ts";
import {
  errorOf,
  givenHanging,
  givenTemplate,
  makeSource,
  namesIn,
  printed,
  recordingBuild,
  stateOf,
} from "./terraform-template.ts";

const parentScript = fileURLToPath(new URL("./terraform-parent.ts", import.meta.url));

/** Builds a workspace in a process of its own. */
function buildElsewhere(t: TestContext, ...args: readonly string[]) {
  const child = spawn(process.execPath, [parentScript, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  return { child, output: text(child.stdout) };
}

/** A program in Terraform's place that notes when each init begins and ends, and lets it take a while. */
async function givenNoting(t: TestContext, initSeconds = "0.2") {
  const directory = await makeDirectory(t);
  const [program, notes] = [join(directory, "terraform"), join(directory, "notes")];
  await writeFile(
    program,
    `#!/bin/sh\n[ "$1" = init ] || exec ${binary} "$@"\necho begin >>${notes}; sleep ${initSeconds}\n${binary} "$@"; code=$?
echo end >>${notes}; exit $code\n`,
    { mode: 0o755 },
  );
  return { program, notes: async () => (await readFile(notes, "utf8").catch(() => "")).split("\n").slice(0, -1) };
}

const ONE = 'resource "terraform_data" "one" {}';

describe("when the daemon is killed", needsTerraform, () => {
  test("Terraform ends its work, and the next attempt waits for that and goes on from there", async (t) => {
    const template = await givenHanging(t);
    const { workspace } = requestFor("");
    const { child } = buildElsewhere(t, binary, template.dataDir, template.sourceDir, workspace.id);
    const terraform = await template.hanging();
    child.kill("SIGKILL");
    let ended = false;
    const building = template.build().finally(() => {
      ended = true;
    });
    process.kill(terraform, 0); // it is there
    assert.equal(ended, false);
    await template.go();
    const { result, lines } = await building;
    assert.match(printed(lines, "state"), /left a further state/);
    assert.doesNotMatch(printed(lines), /Creating/, "everything was there already");
    assert.deepEqual(namesIn(stateOf(result)), ["disk", "home"]);
    const deleted = await template.build({ transition: "delete", state: stateOf(result) });
    assert.equal(errorOf(deleted.result), "");
    assert.ok(!existsSync(template.outside));
  });
});

test("a signal to all of its processes at once lets Terraform end in order and tell what there is", {
  skip: needsTerraform.skip || (process.platform !== "linux" && "finds processes through /proc, which only Linux has"),
}, async (t) => {
  const template = await givenHanging(t);
  const building = template.build();
  const terraform = await template.hanging();
  for (const pid of descendantsOf(process.pid)) endOne(pid);
  const { result, lines } = await building;
  assert.throws(() => process.kill(terraform, 0), "it has ended");
  assert.match(errorOf(result), /^terraform apply exited with code 1: /);
  assert.match(printed(lines, "apply"), /^Interrupt received\.$/m);
  assert.deepEqual(namesIn(result.state), ["disk", "home"]);
});

test(
  "a Terraform that somebody has told to end is not told again, because it would forget what it is making",
  needsTerraform,
  async (t) => {
    const directory = await makeDirectory(t);
    const program = join(directory, "terraform");
    const script = `trap 'echo "Interrupt received."' TERM; trap 'echo again' INT; echo waiting
    while [ ! -e ${directory}/go ]; do sleep 0.05; done; exit 1`;
    await writeFile(
      program,
      `#!/bin/sh\n[ "$1" = apply ] || exec ${binary} "$@"\necho $$ >${directory}/pid\n${script}\n`,
      { mode: 0o755 },
    );
    const template = await givenTemplate(t, ONE, { binary: program });
    const stop = new AbortController();
    const context = recordingBuild(stop.signal);
    const building = template.build({}, context);
    const hasSaid = (line: string) => printed(context.lines, "apply").split("\n").includes(line);
    await waitFor("the apply", () => hasSaid("waiting"));
    process.kill(Number(await readFile(join(directory, "pid"), "utf8")), "SIGTERM");
    await waitFor("it to hear of it", () => hasSaid("Interrupt received."));
    stop.abort("shutdown");
    await writeFile(join(directory, "go"), "");
    assert.equal(errorOf((await building).result), "terraform apply was canceled");
    assert.ok(!hasSaid("again"));
  },
);

function endOne(pid: number): void {
  try {
    process.kill(pid, "SIGTERM");
  } catch {
    // It has ended since it was found.
  }
}

/** What this process has started, and what that has. */
function descendantsOf(pid: number): number[] {
  const parents = readdirSync("/proc").flatMap((name) => {
    try {
      const [, parent] = /\) \S (\d+)/s.exec(readFileSync(`/proc/${name}/stat`, "utf8")) ?? [];
      return /^\d+$/.test(name) ? [{ child: Number(name), parent: Number(parent) }] : [];
    } catch {
      return []; // it has ended since
    }
  });
  const found = [pid];
  for (const one of found) found.push(...parents.filter(({ parent }) => parent === one).map(({ child }) => child));
  return found.slice(1);
}

describe("a source is initialised", needsTerraform, () => {
  test("once for all its builds, and by one process at a time", async (t) => {
    const { program, notes } = await givenNoting(t);
    const dataDir = await makeDirectory(t);
    const sources = [await makeSource(t, ONE), await makeSource(t, ONE)];
    const builds = [0, 1, 2, 3].map((n) => buildElsewhere(t, program, dataDir, sources[n % 2] ?? "", `w${n}`));
    for (const { output } of builds) assert.match(await output, /\nsucceeded\n$/);
    assert.deepEqual(await notes(), ["begin", "end", "begin", "end"]);
  });

  test("by builds of one process one after the other, which then run at the same time", async (t) => {
    const { program, notes } = await givenNoting(t);
    const template = await givenTemplate(t, ONE, { binary: program });
    const { workspace } = requestFor("");
    const builds = ["w1", "w2", "w3"].map((id) => template.build({ workspace: { ...workspace, id } }));
    for (const { result } of await Promise.all(builds)) assert.equal(errorOf(result), "");
    assert.deepEqual(await notes(), ["begin", "end"]);
  });

  test("anew when what it had fetched is not there any more", async (t) => {
    const { program, notes } = await givenNoting(t, "0");
    const template = await givenTemplate(t, ONE, { binary: program });
    await template.build();
    const prepared = join(template.dataDir, "terraform", "prepared");
    const [name = ""] = await readdir(prepared);
    const providers = join(prepared, name, ".terraform", "providers");
    await template.build();
    assert.equal((await notes()).length, 2, "what is whole is used");
    await mkdir(join(providers, "host"), { recursive: true });
    await symlink("/nonexistent/plugin", join(providers, "host", "plugin"));
    assert.equal(errorOf((await template.build()).result), "");
    assert.equal((await notes()).length, 4);
    assert.ok(!existsSync(providers));
  });

  test("in a limited time, so that one that hangs does not hold up all others for ever", async (t) => {
    const { program } = await givenNoting(t, "600");
    const template = await givenTemplate(t, ONE, { binary: program, initTimeoutMs: 300, killGraceMs: 100 });
    const { result } = await template.build();
    assert.equal(errorOf(result), "terraform init timed out after 300ms");
  });

  test("not for a build that is canceled while it waits for its turn", async (t) => {
    const { program, notes } = await givenNoting(t, "600");
    const template = await givenTemplate(t, ONE, { binary: program, killGraceMs: 100 });
    const stop = new AbortController();
    const first = template.build({}, recordingBuild(stop.signal));
    await waitFor("the first init", async () => (await notes()).length === 1);
    const stopSecond = new AbortController();
    const { workspace } = requestFor("");
    const waiting = recordingBuild(stopSecond.signal);
    const second = template.build({ workspace: { ...workspace, id: "w2" } }, waiting);
    await waitFor("the second to wait", () => printed(waiting.lines) === "waiting until another init has ended");
    stopSecond.abort("canceled");
    assert.equal(errorOf((await second).result), "terraform init was canceled");
    stop.abort("canceled");
    assert.equal(errorOf((await first).result), "terraform init was canceled");
    assert.deepEqual(await notes(), ["begin"]);
  });
});
