import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { MAX_OUTPUT_BYTES } from "../../src/provisioner/output.ts";
import { binary, needsTerraform } from "../support/terraform.ts";
import { waitFor } from "../support/wait-for.ts";
import { makeDirectory } from "./command-template.ts";
import { errorOf, givenTemplate, homeAndDisk, printed, recordingBuild, stateOf } from "./terraform-template.ts";

const ONE = 'resource "terraform_data" "one" {}';

describe("a build of a terraform template fails with one sentence and its state is kept", needsTerraform, () => {
  const state = Buffer.from(
    JSON.stringify({ version: 4, terraform_version: "1.0.0", serial: 1, lineage: "l", outputs: {}, resources: [] }),
  );

  const rows: readonly [what: string, source: string, error: RegExp, log: RegExp][] = [
    ["a template that does not parse", "resource {", /^terraform init exited with code 1: /, /main.tf line 1/],
    [
      "a plan that asks for a value",
      `variable "size" {}\n${ONE}`,
      /^terraform plan exited with code 1: No value for required variable$/,
      /variable "size"/,
    ],
    [
      "an apply that dies",
      'resource "terraform_data" "one" {\n  provisioner "local-exec" {\n    command = "exit 7"\n  }\n}',
      /^terraform apply exited with code 1: local-exec provisioner error$/,
      /exit status 7/,
    ],
  ];
  for (const [what, source, error, log] of rows) {
    test(what, async (t) => {
      const template = await givenTemplate(t, source);
      const { result, lines } = await template.build({ state });
      assert.match(errorOf(result), error);
      assert.match(printed(lines.filter(({ level }) => level === "error")), log);
      assert.ok(result.state, "the state is there");
      assert.ok(!existsSync(template.runDir), "nothing is left on the disk");
    });
  }

  test("a provider that cannot be fetched, of which nothing half prepared remains", async (t) => {
    const mirror = await makeDirectory(t);
    const config = join(mirror, "rc");
    await writeFile(config, `provider_installation {\n  filesystem_mirror {\n    path = "${mirror}"\n  }\n}\n`);
    const template = await givenTemplate(
      t,
      'terraform {\n  required_providers {\n    no = { source = "example.com/no/such" }\n  }\n}\nprovider "no" {}',
      { inherit: ["TF_CLI_CONFIG_FILE"], host: { ...process.env, TF_CLI_CONFIG_FILE: config } },
    );
    for (const attempt of [1, 2]) {
      const { result, lines } = await template.build({ state });
      assert.match(errorOf(result), /^terraform init exited with code 1: Failed to query available provider packages/);
      assert.match(printed(lines, "init"), /example\.com\/no\/such/, `attempt ${attempt}`);
      assert.deepEqual(result.state, state);
      assert.deepEqual(await readdir(join(template.dataDir, "terraform", "prepared")), []);
    }
  });

  const unusable = {
    "that is not JSON": ["garbage", /^terraform plan exited with code 1: /],
    "of a format of the future": [JSON.stringify({ version: 99 }), /^terraform plan exited with code 1: /],
  } as const;
  for (const [what, [text, error]] of Object.entries(unusable)) {
    for (const transition of ["start", "delete"] as const) {
      test(`a state ${what}, in a ${transition}`, async (t) => {
        const template = await givenTemplate(t, ONE);
        const { result, kept } = await template.build({ transition, state: Buffer.from(text) });
        assert.match(errorOf(result), error);
        assert.equal(result.state?.toString(), text);
        assert.ok(
          kept.every((stored) => stored.toString() === text),
          "and nothing else was stored",
        );
      });
    }
  }

  test("a state that somebody else has locked", async (t) => {
    // A program in Terraform's place, which waits until somebody has locked the state before it plans.
    const other = await makeDirectory(t);
    const slow = 'resource "terraform_data" "s" {\n  provisioner "local-exec" {\n    command = "sleep 30"\n  }\n}';
    await writeFile(join(other, "main.tf"), slow);
    const script = join(await makeDirectory(t), "slow");
    await writeFile(
      script,
      `#!/bin/sh\n[ "$1" != plan ] || { ln -f terraform.tfstate ${other}/terraform.tfstate; touch ${other}/linked
        while [ ! -e ${other}/.terraform.tfstate.lock.info ]; do sleep 0.05; done; }\nexec ${binary} "$@"\n`,
      { mode: 0o755 },
    );
    const locked = await givenTemplate(t, ONE, { lockTimeoutSeconds: 0, binary: script });
    const building = locked.build({ state });
    await waitFor("the state to be there", () => existsSync(join(other, "linked")));
    const holder = spawn(binary, ["apply", "-auto-approve", "-input=false"], { cwd: other, stdio: "ignore" });
    t.after(() => holder.kill("SIGINT"));
    const { result } = await building;
    assert.match(errorOf(result), /^terraform plan exited with code 1: Error acquiring the state lock$/);
    assert.deepEqual(result.state, state);
  });

  test("a binary that cannot be run, and it is tried again for the next build", async (t) => {
    const path = join(await makeDirectory(t), "terraform");
    const template = await givenTemplate(t, ONE, { binary: path });
    assert.match(errorOf((await template.build()).result), /terraform cannot be run: .*ENOENT/);
    await writeFile(path, `#!/bin/sh\nexec ${binary} "$@"\n`, { mode: 0o755 });
    assert.equal(errorOf((await template.build()).result), "");
  });

  test("a parameter that has a name of ours or a NUL character", async (t) => {
    const template = await givenTemplate(t, ONE);
    const ours = await template.build({ parameters: { prebuildd_is_prebuild: "true" } });
    assert.match(errorOf(ours.result), /the parameter "prebuildd_is_prebuild" has a name that is ours: rename it/);
    const nul = await template.build({ parameters: { size: "1\0" } });
    assert.match(errorOf(nul.result), /would hold a NUL character/);
  });
});

describe("a terraform build", needsTerraform, () => {
  test("makes nothing when the owner may not have what it costs", async (t) => {
    const outside = join(await makeDirectory(t), "outside");
    const template = await givenTemplate(t, `${homeAndDisk(outside)}\noutput "daily_cost" { value = 7 }`);
    const context = recordingBuild();
    const asked: number[] = [];
    const commitCost = async (cost: number) => {
      asked.push(cost);
      return "the quota of ada is used up: stop something";
    };
    const { result } = await template.build({}, { ...context, commitCost });
    assert.equal(errorOf(result), "the quota of ada is used up: stop something");
    assert.deepEqual(asked, [7]);
    assert.equal(result.state, null);
    assert.ok(!existsSync(outside));
  });

  test("costs what its plan says, and a delete asks nobody", async (t) => {
    const template = await givenTemplate(t, `${ONE}\noutput "daily_cost" { value = 7 }`);
    const started = await template.build();
    assert.deepEqual(started.costs, [7]);
    const deleted = await template.build({ transition: "delete", state: stateOf(started.result) });
    assert.deepEqual(deleted.costs, []);
  });

  test("that makes nothing because another worker has taken it over leaves the directory to that one", async (t) => {
    const outside = join(await makeDirectory(t), "outside");
    const template = await givenTemplate(t, homeAndDisk(outside));
    const { result } = await template.build({}, { ...recordingBuild(), keepState: async () => false });
    assert.equal(errorOf(result), "another worker has taken this build over");
    assert.ok(!existsSync(outside));
    assert.ok(existsSync(template.runDir));
  });

  test("may print 100 MB, of which the log keeps the beginning", async (t) => {
    // Terraform itself takes a minute and more to print so much, so a program in its place does.
    const script = join(await makeDirectory(t), "chatty");
    const flood = "head -c 100000000 /dev/zero | tr '\\0' x | fold -w 4000";
    await writeFile(script, `#!/bin/sh\n[ "$1" != apply ] || ${flood}\nexec ${binary} "$@"\n`, { mode: 0o755 });
    const template = await givenTemplate(t, ONE, { binary: script });
    const { result, lines } = await template.build();
    assert.equal(errorOf(result), "");
    const bytes = lines.reduce((sum, line) => sum + line.output.length, 0);
    assert.ok(bytes > MAX_OUTPUT_BYTES / 2 && bytes <= MAX_OUTPUT_BYTES + 1_000, `${bytes} bytes`);
    assert.equal(lines.filter(({ output }) => output.startsWith("output cut")).length, 1);
  });
});
