import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { needsTerraform } from "../support/terraform.ts";
import { makeDirectory, recordingContext, requestFor } from "./command-template.ts";
import { errorOf, givenTemplate, homeAndDisk, printed, stateOf } from "./terraform-template.ts";

/** The text of a variable as a resource has it, in its state. */
const inputOf = (state: Buffer) => {
  const { resources } = JSON.parse(state.toString()) as {
    resources: { instances: { attributes: { input: unknown } }[] }[];
  };
  return (resources[0]?.instances[0]?.attributes.input as { value?: unknown } | undefined)?.value;
};

describe("a workspace of a terraform template", needsTerraform, () => {
  test("is made by a start, kept by a stop and a start, and gone with all of its state after a delete", async (t) => {
    const outside = join(await makeDirectory(t), "outside");
    const template = await givenTemplate(t, homeAndDisk(outside));
    const started = await template.build();
    assert.deepEqual(started.result.ok && started.result.agents, [{ name: "main", ready: true }]);
    assert.ok(existsSync(join(outside, "made")));
    const stopped = await template.build({ transition: "stop", state: stateOf(started.result) });
    assert.deepEqual(stopped.result.ok && stopped.result.agents, []);
    const again = await template.build({ state: stateOf(stopped.result) });
    assert.deepEqual(again.result.ok && again.result.replacements, null);
    assert.ok(existsSync(outside));
    const deleted = await template.build({ transition: "delete", state: stateOf(again.result) });
    assert.deepEqual(deleted.result, { ok: true, state: null, agents: [] });
    assert.ok(!existsSync(outside));
    assert.ok(!existsSync(template.runDir), "nothing is left on the disk");
    assert.match(printed(started.lines, "init"), /Terraform has been successfully initialized|OpenTofu has been/);
    assert.match(printed(started.lines, "apply"), /terraform_data.disk: Creating/);
    assert.match(printed(deleted.lines, "destroy"), /terraform_data.home: Destroying/);
  });

  test("is ready when it has started", async (t) => {
    const { driver, sourceDir } = await givenTemplate(t, "");
    assert.equal(await driver.isReady(requestFor(sourceDir), recordingContext()), true);
  });

  test("without anything in it can be deleted although its template is broken", async (t) => {
    const template = await givenTemplate(t, "nonsense {");
    const { result, lines, costs } = await template.build({ transition: "delete" });
    assert.deepEqual(result, { ok: true, state: null, agents: [] });
    assert.deepEqual(lines, []);
    assert.deepEqual(costs, [], "what is deleted costs nothing anyway");
  });

  test("keeps its state with us whatever backend its template names, and never starts from a state in the source", async (t) => {
    const backend = 'terraform {\n  backend "s3" {\n    bucket = "theirs"\n  }\n}\n';
    const template = await givenTemplate(t, {
      "main.tf": `${backend}resource "terraform_data" "one" {}`,
      "z_override.tf": backend,
      "terraform.tfstate": "{}",
      ".terraform/environment": "other",
    });
    const { result } = await template.build();
    assert.match(stateOf(result).toString(), /"name": "one"/);
  });
});

describe("what a terraform template sees", needsTerraform, () => {
  const asked = (variable: string) => `
    variable "${variable}" { default = "default" }
    resource "terraform_data" "one" { input = var.${variable} }`;

  test("is each parameter as a variable", async (t) => {
    const template = await givenTemplate(t, asked("disk_size"));
    const { result } = await template.build({ parameters: { disk_size: "10 GiB", "other-one": "x" } });
    assert.equal(inputOf(stateOf(result)), "10 GiB");
  });

  for (const [transition, stage, prebuild, claim] of [
    ["start", "create", "true", "false"],
    ["start", "claim", "false", "true"],
    ["start", "none", "false", "false"],
    ["stop", "none", "false", "false"],
  ] as const) {
    test(`is whether it is a prebuild or a claim, in a ${transition} of stage ${stage}`, async (t) => {
      const template = await givenTemplate(
        t,
        `variable "prebuildd_is_prebuild" {}
         variable "prebuildd_is_prebuild_claim" {}
         variable "prebuildd_transition" {}
         resource "terraform_data" "one" {
           input = "\${var.prebuildd_transition} \${var.prebuildd_is_prebuild} \${var.prebuildd_is_prebuild_claim}"
         }`,
      );
      const { result } = await template.build({ transition, stage });
      assert.equal(inputOf(stateOf(result)), `${transition} ${prebuild} ${claim}`);
    });
  }

  test("is nothing of the daemon's environment but what is meant for it", async (t) => {
    const command = 'resource "terraform_data" "one" {\n  provisioner "local-exec" {\n    command = "env"\n  }\n}';
    const host = {
      ...process.env,
      PREBUILDD_TOKEN: "hunter2",
      AWS_PROFILE: "hunter2",
      AWS_REGION: "mars-1",
      TF_LOG: "",
    };
    const template = await givenTemplate(t, command, { host, inherit: ["AWS_REGION"] });
    const { result, lines } = await template.build({ parameters: { size: "10" } });
    assert.equal(errorOf(result), "");
    const shown = printed(lines, "apply");
    assert.doesNotMatch(shown, /hunter2/);
    assert.match(shown, /AWS_REGION=mars-1/);
    assert.match(shown, /CODER_WORKSPACE_OWNER=ada/);
    const names = [...shown.matchAll(/local-exec\): ([A-Za-z_]+)=/g)].map(([, name = ""]) => name);
    const foreign = names.filter((name) => !/^(CODER_|TF_|CHECKPOINT_DISABLE$|AWS_REGION$)/.test(name));
    const allowed = ["PATH", "HOME", "LANG", "TMPDIR", "PWD", "OLDPWD", "SHLVL", "_"];
    assert.deepEqual(
      foreign.filter((name) => !allowed.includes(name)),
      [],
    );
  });
});

describe("drift", needsTerraform, () => {
  const drifting = `
    variable "prebuildd_workspace_owner" {}
    resource "terraform_data" "home" { triggers_replace = var.prebuildd_workspace_owner }
    resource "terraform_data" "disk" {}`;
  const someone = (ownerName: string) => ({ workspace: { ...requestFor("").workspace, ownerName } });

  test("of a claim is told as replacements, with warnings in the log", async (t) => {
    const template = await givenTemplate(t, drifting);
    const created = await template.build({ ...someone("prebuilds"), stage: "create" });
    assert.deepEqual(created.result.ok && created.result.replacements, null);
    const claim = { ...someone("ada"), stage: "claim", state: stateOf(created.result) } as const;
    const { result, lines } = await template.build(claim);
    assert.deepEqual(result.ok && result.replacements, { "terraform_data.home": ["triggers_replace"] });
    assert.match(printed(lines.filter(({ level }) => level === "info")), /# terraform_data.home must be replaced/);
    const warnings = printed(lines.filter(({ level }) => level === "warn"));
    assert.match(warnings, /-\/\+ terraform_data.home \(replace\)\n.*triggers_replace: "prebuilds" -> "ada"/);
  });

  test("is not there in a claim that changes nothing", async (t) => {
    const template = await givenTemplate(t, drifting);
    const created = await template.build({ ...someone("ada"), stage: "create" });
    const claim = { ...someone("ada"), stage: "claim", state: stateOf(created.result) } as const;
    const { result, lines } = await template.build(claim);
    assert.deepEqual(result.ok && result.replacements, null);
    assert.deepEqual(
      lines.filter(({ level }) => level === "warn"),
      [],
    );
  });

  test("of any other build is in the log in short, and is nobody's notification", async (t) => {
    const template = await givenTemplate(t, drifting);
    const created = await template.build(someone("ada"));
    const { result, lines } = await template.build({ ...someone("bob"), state: stateOf(created.result) });
    assert.deepEqual(result.ok && result.replacements, null);
    const warnings = lines.filter(({ level }) => level === "warn");
    assert.match(printed(warnings), /terraform_data.home \(replace\)/);
  });

  test("of a sensitive value never shows the value", async (t) => {
    const template = await givenTemplate(
      t,
      `variable "password" { sensitive = true }
       resource "terraform_data" "one" {
         triggers_replace = var.password
         provisioner "local-exec" {
           command = "echo \${var.password}"
         }
       }`,
    );
    const created = await template.build({ stage: "create", parameters: { password: "hunter2" } });
    const state = stateOf(created.result);
    for (const stage of ["claim", "none"] as const) {
      const { result, lines } = await template.build({ stage, state, parameters: { password: "swordfish" } });
      assert.equal(errorOf(result), "");
      assert.match(printed(lines), /triggers_replace/);
      assert.doesNotMatch(printed([...created.lines, ...lines]), /hunter2|swordfish/);
    }
  });
});

describe("what a source declares", needsTerraform, () => {
  test("is read without parameters and without a workspace", async (t) => {
    const { driver, sourceDir, dataDir } = await givenTemplate(
      t,
      `variable "prebuildd_is_prebuild" {}
       variable "size" { default = "1" }
       resource "terraform_data" "one" { input = var.size }`,
    );
    const context = recordingContext();
    const read = await driver.importSource?.({ templateName: "devbox", sourceDir }, context);
    assert.deepEqual(read, { ok: true, presets: [], parameters: [] });
    assert.match(printed(context.lines, "plan"), /terraform_data.one will be created/);
    assert.deepEqual(existsSync(join(dataDir, "terraform", "workspaces")), false);
  });

  test("cannot be read when a variable has no default, and the error says what to do", async (t) => {
    const { driver, sourceDir } = await givenTemplate(t, 'variable "size" {}');
    const read = await driver.importSource?.({ templateName: "devbox", sourceDir }, recordingContext());
    assert.ok(read);
    assert.match(errorOf(read), /No value for required variable: give each variable of the template a default/);
  });
});
