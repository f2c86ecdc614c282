import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { State } from "../../src/provisioner/terraform/state.ts";
import { noteOffered, noteStored } from "../../src/provisioner/terraform/state-files.ts";
import { binary, needsTerraform } from "../support/terraform.ts";
import { waitFor } from "../support/wait-for.ts";
import { makeDirectory } from "./command-template.ts";
import {
  errorOf,
  givenHanging,
  givenTemplate,
  homeAndDisk,
  makeSource,
  namesIn,
  printed,
  recordingBuild,
  stateOf,
  thing,
} from "./terraform-template.ts";

describe("what a terraform build that does not end has made", needsTerraform, () => {
  test("is known while the build still runs", async (t) => {
    const template = await givenHanging(t);
    const context = recordingBuild();
    const building = template.build({}, context);
    await template.hanging();
    await waitFor("the first resource to be stored", () => namesIn(context.kept.at(-1)).includes("home"));
    await template.go();
    const { result } = await building;
    assert.deepEqual(namesIn(stateOf(result)), ["disk", "home"]);
    assert.deepEqual(context.kept.at(-1), result.state, "and all of it is stored before the directory goes");
    assert.ok(!existsSync(template.runDir));
  });

  test("is in its state when Terraform is killed, and the next delete removes it", async (t) => {
    const template = await givenHanging(t);
    const building = template.build();
    process.kill(await template.hanging(), "SIGKILL");
    const { result } = await building;
    assert.equal(errorOf(result), "terraform apply was killed by signal SIGKILL");
    assert.deepEqual(namesIn(result.state), ["home"]);
    assert.ok(existsSync(template.outside));
    const deleted = await template.build({ transition: "delete", state: result.state });
    assert.deepEqual(deleted.result, { ok: true, state: null, agents: [] });
    assert.ok(!existsSync(template.outside));
  });

  test("is in its state when it is canceled, for Terraform is interrupted and ends in order", async (t) => {
    const template = await givenHanging(t);
    const stop = new AbortController();
    const building = template.build({}, recordingBuild(stop.signal));
    await template.hanging();
    stop.abort("canceled");
    const { result, lines } = await building;
    assert.equal(errorOf(result), "terraform apply was canceled");
    assert.ok(namesIn(result.state).includes("home"));
    assert.match(printed(lines, "apply"), /Interrupt received/);
  });

  test("is in its state when its time is up and Terraform does not end by itself", async (t) => {
    const template = await givenTemplate(
      t,
      homeAndDisk(join(await makeDirectory(t), "outside"), "trap '' INT TERM; while :; do sleep 0.1; done"),
      { timeoutMs: 2_000, killGraceMs: 100 },
    );
    const { result } = await template.build();
    assert.equal(errorOf(result), "terraform apply timed out after 2s");
    assert.ok(namesIn(result.state).includes("home"));
  });

  test("stays on the disk when it cannot be stored, and the next build goes on from there", async (t) => {
    const outside = join(await makeDirectory(t), "outside");
    const template = await givenTemplate(t, homeAndDisk(outside));
    const answers = [true]; // only the first time: then another worker is said to have the build
    const lost = await template.build({}, { ...recordingBuild(), keepState: async () => answers.pop() ?? false });
    assert.deepEqual(namesIn(stateOf(lost.result)), ["disk", "home"]);
    assert.ok(existsSync(template.runDir));
    const { result, lines } = await template.build({ transition: "delete", state: null });
    assert.equal(errorOf(result), "");
    assert.ok(!existsSync(outside));
    assert.match(printed(lines, "state"), /left a further state: going on from there/);
    assert.ok(!existsSync(template.runDir));
  });
});

test("a state is stored at the end however large it has become, and built on", needsTerraform, async (t) => {
  // A program in Terraform's place, which adds many blanks to the state.
  const script = join(await makeDirectory(t), "terraform");
  await writeFile(
    script,
    `#!/bin/sh\n[ "$1" = apply ] || exec ${binary} "$@"\n${binary} "$@"; code=$?
head -c 17000000 /dev/zero | tr '\\0' ' ' >>terraform.tfstate; exit $code\n`,
    { mode: 0o755 },
  );
  const template = await givenTemplate(t, 'resource "terraform_data" "large" {}', { binary: script });
  const { result, kept } = await template.build();
  const state = stateOf(result);
  assert.ok(state.length > 17_000_000);
  assert.deepEqual(kept.at(-1), state);
  // What was seen while it grew may have been stored, too, as long as it was not too large to be stored often.
  assert.ok(kept.slice(0, -1).every(({ length }) => length <= 16 * 1024 * 1024));
  assert.ok(!existsSync(template.runDir));
  const again = await template.build({ transition: "stop", state });
  assert.deepEqual(namesIn(stateOf(again.result)), ["large"]);
});

test("with more than 64 MiB of state only a delete goes on", needsTerraform, async (t) => {
  const outside = join(await makeDirectory(t), "outside");
  const template = await givenTemplate(t, homeAndDisk(outside));
  const { result } = await template.build();
  const state = Buffer.concat([stateOf(result), Buffer.alloc(64 * 1024 * 1024, " ")]);
  const refused = await template.build({ transition: "stop", state });
  assert.match(errorOf(refused.result), /^the state has 67\d{6} bytes, and with more than 64 MiB nothing further/);
  assert.deepEqual(refused.result.state, state);
  const deleted = await template.build({ transition: "delete", state });
  assert.equal(errorOf(deleted.result), "");
  assert.ok(!existsSync(outside));
});

describe("a state that an attempt which died has left", needsTerraform, () => {
  const read = (state: Buffer) => JSON.parse(state.toString()) as State;
  const write = (state: object) => Buffer.from(JSON.stringify(state));

  async function givenLeft(t: Parameters<typeof makeDirectory>[0], change: (state: State) => object) {
    const outside = join(await makeDirectory(t), "outside");
    const template = await givenTemplate(t, homeAndDisk(outside));
    const { result } = await template.build();
    const state = stateOf(result);
    await mkdir(template.runDir, { recursive: true });
    await writeFile(join(template.runDir, "terraform.tfstate"), write(change(read(state))));
    return { ...template, outside, state };
  }

  test("counts when it went on from the stored one", async (t) => {
    const left = await givenLeft(t, (state) => ({ ...state, serial: state.serial + 1, resources: [] }));
    await noteStored(left.runDir, left.state);
    const { result, lines, kept } = await left.build({ state: left.state });
    assert.match(printed(lines, "apply"), /terraform_data.disk: Creating/, "it knows of nothing, so all is made");
    assert.deepEqual(namesIn(stateOf(result)), ["disk", "home"]);
    assert.deepEqual(namesIn(kept[0]), [], "and it is stored before anything is done");
  });

  test("counts although the daemon died before it knew that the state, which it went on from, was stored", async (t) => {
    const left = await givenLeft(t, (state) => ({ ...state, serial: state.serial + 1, resources: [] }));
    await noteOffered(left.runDir, left.state);
    const { lines } = await left.build({ state: left.state });
    assert.match(printed(lines, "state"), /going on from there/);
  });

  test("does not when another worker went another way from the same one, however far that was left", async (t) => {
    const outside = await makeDirectory(t);
    const sourceDir = await makeSource(t, thing("first", outside) + thing("second", outside));
    const [here, there] = [await givenTemplate(t, ""), await givenTemplate(t, "")];
    const first = await here.build({ sourceDir: await makeSource(t, thing("first", outside)) });
    const state = stateOf(first.result);
    const answers = [true]; // what it begins with, and nothing of what it makes
    const died = await here.build(
      { sourceDir, state },
      { ...recordingBuild(), keepState: async () => answers.pop() ?? false },
    );
    assert.deepEqual(namesIn(stateOf(died.result)), ["first", "second"]);
    const onward = await there.build({ sourceDir, state });
    const theirs = JSON.parse(stateOf(onward.result).toString()) as State;
    assert.equal((await readdir(outside)).length, 3);
    const stored = write({ ...theirs, serial: theirs.serial - 1 });
    const deleted = await here.build({ sourceDir, transition: "delete", state: stored });
    assert.equal(errorOf(deleted.result), "");
    assert.match(printed(deleted.lines, "state"), /left terraform_data.second, which the stored state does not know/);
    assert.deepEqual(await readdir(outside), []);
  });

  test("leaves what lives alone when its address has changed since", async (t) => {
    const outside = await makeDirectory(t);
    const template = await givenTemplate(t, thing("home", outside));
    const { result } = await template.build();
    const counted = await makeSource(t, thing("home", outside, "true", "count = 1"));
    const moved = await template.build({ sourceDir: counted, state: result.state });
    await mkdir(template.runDir, { recursive: true });
    await writeFile(join(template.runDir, "terraform.tfstate"), stateOf(result));
    const { result: again, lines } = await template.build({ sourceDir: counted, state: moved.result.state });
    assert.equal(errorOf(again), "");
    assert.doesNotMatch(printed(lines), /Destroying|Creating|died/);
    assert.equal((await readdir(outside)).length, 1);
  });

  test("is of no interest when it is the stored one", async (t) => {
    const left = await givenLeft(t, (state) => state);
    const { result, lines } = await left.build({ state: left.state });
    assert.doesNotMatch(printed(lines), /Creating|died/);
    assert.deepEqual(namesIn(stateOf(result)), ["disk", "home"]);
  });

  test("of another lineage is destroyed, exactly what the stored one does not know", async (t) => {
    const left = await givenLeft(t, (state) => ({ ...state, lineage: "theirs", serial: 99 }));
    const other = read(left.state);
    const [disk] = other.resources.filter(({ name }) => name === "disk");
    assert.ok(disk);
    // The stored one has the same disk, and has never heard of the home.
    const stored = write({ ...other, resources: [{ ...disk, instances: disk.instances }] });
    const { result, lines } = await left.build({ transition: "stop", state: stored });
    assert.equal(errorOf(result), "");
    assert.match(printed(lines, "state"), /left terraform_data.home, which .* it is removed first/);
    assert.match(printed(lines, "destroy"), /terraform_data.home: Destroying/);
    assert.doesNotMatch(printed(lines, "destroy"), /terraform_data.disk: Destroying/);
    assert.ok(!existsSync(`${left.runDir}.orphans`));
  });

  test("is not given up when what it knows cannot be destroyed", async (t) => {
    const left = await givenLeft(t, (state) => ({ ...state, lineage: "theirs", serial: 99 }));
    const source = join(left.sourceDir, "main.tf");
    await rm(join(left.dataDir, "terraform", "prepared"), { recursive: true });
    await writeFile(source, homeAndDisk(left.outside).replace("rm -rf", "false"));
    const stored = write({ ...read(left.state), resources: [] });
    const { result } = await left.build({ transition: "delete", state: stored });
    assert.match(errorOf(result), /^what an earlier attempt left could not be removed: terraform destroy exited/);
    assert.deepEqual(result.state, stored);
    await rm(join(left.dataDir, "terraform", "prepared"), { recursive: true });
    await writeFile(source, homeAndDisk(left.outside));
    const again = await left.build({ transition: "delete", state: stored });
    assert.equal(errorOf(again.result), "");
    assert.ok(!existsSync(left.outside));
  });
});
