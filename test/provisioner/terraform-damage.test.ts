import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { binary, needsTerraform } from "../support/terraform.ts";
import { makeDirectory } from "./command-template.ts";
import { errorOf, givenTemplate, homeAndDisk, namesIn, printed, stateOf } from "./terraform-template.ts";

/** Half of a state, as a full disk or a loss of power leaves it. */
const HALF = '{"version": 4, "serial": 5, "lineage": "l", "resources": [{"mode": "man';

/** A template, and a program in Terraform's place that does something after an apply; what it makes is outside. */
async function givenApplying(t: TestContext, after: string) {
  const directory = await makeDirectory(t);
  const [outside, script] = [join(directory, "outside"), join(directory, "terraform")];
  const text = `#!/bin/sh\n[ "$1" = apply ] || exec ${binary} "$@"\n${binary} "$@"; code=$?\n${after}\nexit $code\n`;
  await writeFile(script, text, { mode: 0o755 });
  return { outside, ...(await givenTemplate(t, homeAndDisk(outside), { binary: script })) };
}

const TRUNCATE = "head -c 100 terraform.tfstate >half; cat half >terraform.tfstate";

describe("when Terraform cannot write its state", needsTerraform, () => {
  test("what it prints of it instead is kept, and no value of it gets into the log", async (t) => {
    const template = await givenApplying(
      t,
      `cat terraform.tfstate >&2; echo 'Error: disk full' >&2; ${TRUNCATE}; exit 1`,
    );
    const { result, lines, kept } = await template.build();
    assert.equal(errorOf(result), "terraform apply exited with code 1: disk full");
    assert.deepEqual(namesIn(result.state), ["disk", "home"]);
    assert.deepEqual(kept.at(-1), result.state);
    assert.doesNotMatch(printed(lines), /lineage|"attributes"/);
    assert.match(printed(lines, "apply"), /has printed its state, which is not shown/);
    assert.ok(!existsSync(template.runDir), "nothing is there that is not stored");
  });

  test("the state that it saved elsewhere is kept", async (t) => {
    const template = await givenApplying(t, `cp terraform.tfstate errored.tfstate; ${TRUNCATE}; exit 1`);
    const { result } = await template.build();
    assert.equal(errorOf(result), "terraform apply exited with code 1");
    assert.deepEqual(namesIn(result.state), ["disk", "home"]);
  });

  for (const [what, after] of [
    ["is damaged", `${TRUNCATE}; exit 1`],
    ["is damaged, and what it printed is too", `head -c 100 terraform.tfstate >&2; ${TRUNCATE}; exit 1`],
    ["is damaged although it says that all went well", TRUNCATE],
    ["is gone", "rm terraform.tfstate; exit 1"],
    ["is empty", ": >terraform.tfstate; exit 1"],
  ] as const) {
    test(`and its state ${what}, the build fails with what was known last, and the directory stays`, async (t) => {
      const template = await givenApplying(t, "");
      const state = stateOf((await template.build({ transition: "stop" })).result);
      const broken = await givenApplying(t, after);
      const { result } = await broken.build({ state });
      assert.match(
        errorOf(result),
        new RegExp(`state in ${broken.runDir} is (damaged|gone).*What was known last is kept`),
      );
      assert.deepEqual(namesIn(result.state), ["disk", "home"]);
      assert.ok(existsSync(broken.runDir));
    });
  }

  test("what had been stored while it worked is not forgotten", async (t) => {
    const template = await givenApplying(t, `sleep 1; ${TRUNCATE}; exit 1`);
    const { result } = await template.build();
    assert.match(errorOf(result), /^terraform apply exited with code 1: terraform's state in .* is damaged/);
    assert.deepEqual(namesIn(result.state), ["disk", "home"]);
  });

  test("of an apply that succeeded, the template's own backend has it, and the build fails", async (t) => {
    const template = await givenApplying(t, "rm terraform.tfstate");
    const { result } = await template.build();
    assert.match(errorOf(result), /^terraform has left no state in .*: does the template bring a backend of its own/);
  });
});

describe("a damaged state that an attempt which died has left", needsTerraform, () => {
  async function givenDamaged(t: TestContext) {
    const outside = join(await makeDirectory(t), "outside");
    const template = await givenTemplate(t, homeAndDisk(outside));
    await mkdir(template.runDir, { recursive: true });
    await writeFile(join(template.runDir, "terraform.tfstate"), HALF);
    const aside = async () => {
      const names = await readdir(dirname(template.runDir));
      return names.filter((name) => name.startsWith(`${basename(template.runDir)}.damaged-`));
    };
    return { ...template, outside, aside };
  }

  test("is put aside by a build, which says where and goes on from the stored one", async (t) => {
    const left = await givenDamaged(t);
    const { result, lines } = await left.build();
    assert.deepEqual(namesIn(stateOf(result)), ["disk", "home"]);
    const [name = ""] = await left.aside();
    const path = join(dirname(left.runDir), name);
    assert.equal(await readFile(path, "utf8"), HALF);
    assert.ok(printed(lines.filter(({ level }) => level === "warn")).endsWith(`it is kept as ${path}`));
    assert.deepEqual(await left.driver.leftovers?.(), [], "no sweep takes it away");
  });

  test("fails a delete that knows of nothing else, again and again, and stays where it is", async (t) => {
    const left = await givenDamaged(t);
    for (const attempt of [1, 2]) {
      const { result } = await left.build({ transition: "delete" });
      assert.match(
        errorOf(result),
        /^an attempt that died left a damaged state in .*: see what the state names/,
        `${attempt}`,
      );
    }
    assert.equal(await readFile(join(left.runDir, "terraform.tfstate"), "utf8"), HALF);
    assert.deepEqual(await left.aside(), []);
  });

  test("does not hide what it began with, which Terraform keeps beside it", async (t) => {
    const left = await givenDamaged(t);
    const template = await givenTemplate(t, homeAndDisk(left.outside));
    const backup = stateOf((await template.build()).result);
    await writeFile(join(left.runDir, "terraform.tfstate.backup"), backup);
    const { result, lines } = await left.build({ transition: "delete" });
    assert.equal(errorOf(result), "");
    assert.match(printed(lines, "state"), /left terraform_data.home, which the stored state does not know/);
    assert.ok(!existsSync(left.outside));
    assert.equal((await left.aside()).length, 1);
  });

  test("is not taken for one when Terraform had only begun, with nothing", async (t) => {
    const left = await givenDamaged(t);
    await writeFile(join(left.runDir, "terraform.tfstate"), "");
    assert.equal(errorOf((await left.build({ transition: "delete" })).result), "");
    assert.ok(!existsSync(left.runDir));
  });
});
