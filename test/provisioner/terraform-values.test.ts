import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { binary, needsTerraform } from "../support/terraform.ts";
import { makeDirectory, recordingContext } from "./command-template.ts";
import { errorOf, givenTemplate, printed, stateOf } from "./terraform-template.ts";

/** What the only resource of a state was given. */
const inputOf = (state: Buffer): unknown => {
  const { resources } = JSON.parse(state.toString()) as {
    resources: { instances: { attributes: { input: { value: unknown } } }[] }[];
  };
  return resources[0]?.instances[0]?.attributes.input.value;
};

/** Why a template's source cannot be read as a version; empty when it can. */
async function importError({ driver, sourceDir }: Awaited<ReturnType<typeof givenTemplate>>): Promise<string> {
  const result = await driver.importSource?.({ templateName: "t", sourceDir }, recordingContext());
  return result ? errorOf(result) : "it cannot read any";
}

describe("a parameter with a hyphen in its name", needsTerraform, () => {
  test("reaches the variable of that name, as text or as a list, and no variable that is not there", async (t) => {
    const template = await givenTemplate(t, {
      "main.tf": `variable "my-size" { default = "default" }
        variable "my-zones" { type = list(string) }
        resource "terraform_data" "one" { input = "\${var.my-size} \${join("+", var.my-zones)} \${var.my-disk}" }`,
      "disk.tf.json": '{"variable": {"my-disk": {"type": "number"}}}',
      ".prebuildd.tfvars.json": '{"my-size": "theirs"}',
    });
    const parameters = { "my-size": `$\{10} GiB\n`, "my-zones": '["a", "b"]', "my-disk": "7", "no-such": "x" };
    const { result, lines } = await template.build({ parameters });
    assert.equal(inputOf(stateOf(result)), `$\{10} GiB\n a+b 7`);
    assert.doesNotMatch(printed(lines), /no-such/);
    const deleted = await template.build({ parameters, transition: "delete", state: stateOf(result) });
    assert.equal(errorOf(deleted.result), "");
  });

  test("is in no command line, and in a file that nobody else can read", async (t) => {
    const notes = await makeDirectory(t);
    const program = join(notes, "terraform");
    const note = `printf '%s ' "$@" >>${notes}/args; stat -c %a .prebuildd.tfvars.json >${notes}/mode`;
    await writeFile(program, `#!/bin/sh\n[ "$1" != plan ] || { ${note}; }\nexec ${binary} "$@"\n`, { mode: 0o755 });
    const template = await givenTemplate(t, 'variable "my-key" {}\nresource "terraform_data" "one" {}', {
      binary: program,
    });
    const { result } = await template.build({ parameters: { "my-key": "hunter2" } });
    assert.equal(errorOf(result), "");
    assert.doesNotMatch(await readFile(join(notes, "args"), "utf8"), /hunter2/);
    assert.equal(await readFile(join(notes, "mode"), "utf8"), "600\n");
  });
});

describe("a file of values in the source", needsTerraform, () => {
  const shown = (name: string) => `variable "${name}" { default = "default" }
    resource "terraform_data" "one" { input = "value: \${var.${name}}" }`;
  for (const [file, text] of [
    ["terraform.tfvars", 'size = "huge"'],
    ["terraform.tfvars.json", '{"size": "huge"}'],
    ["a.auto.tfvars", 'other = { size = 1 }\nsize = "huge"'],
    [".auto.tfvars.json", '{"size": "huge"}'],
  ] as const) {
    test(`called ${file} gives variables values, but must not take the place of a parameter`, async (t) => {
      const template = await givenTemplate(t, { "main.tf": shown("size"), [file]: text });
      const { result } = await template.build();
      assert.equal(inputOf(stateOf(result)), "value: huge");
      const refused = `${file} sets the variable "size", which is a parameter of workspaces: remove it from that file`;
      assert.equal(errorOf((await template.build({ parameters: { size: "small" } })).result), refused);
      assert.equal(await importError(template), "");
    });
  }

  test("must not say instead of us what happens to the workspace, which a push tells, too", async (t) => {
    const files = { "main.tf": shown("prebuildd_transition"), "x.auto.tfvars": 'prebuildd_transition = "start"' };
    const template = await givenTemplate(t, files);
    const refused =
      'x.auto.tfvars sets the variable "prebuildd_transition", which tells about the workspace: remove it from that file';
    assert.equal(errorOf((await template.build({ transition: "stop" })).result), refused);
    assert.equal(await importError(template), refused);
  });

  test("that Terraform does not read of itself may say anything", async (t) => {
    const template = await givenTemplate(t, { "main.tf": shown("size"), "big.tfvars": 'size = "huge"' });
    const { result } = await template.build({ parameters: { size: "small" } });
    assert.equal(inputOf(stateOf(result)), "value: small");
  });
});

test("a version that checks what it is told about the workspace can be read", needsTerraform, async (t) => {
  const checked = (name: string, condition: string) => `variable "prebuildd_${name}" {
      validation {
        condition     = ${condition}
        error_message = "It is wrong."
      }
    }`;
  const template = await givenTemplate(
    t,
    [
      checked("transition", 'contains(["start", "stop"], var.prebuildd_transition)'),
      checked("workspace_id", 'can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", var.prebuildd_workspace_id))'),
      checked("workspace_name", "length(var.prebuildd_workspace_name) > 0"),
      checked("workspace_owner", "length(var.prebuildd_workspace_owner) > 0"),
      checked("is_prebuild", 'var.prebuildd_is_prebuild == "false"'),
    ].join("\n"),
  );
  assert.equal(await importError(template), "");
});

describe("a file that overrides what the source says", needsTerraform, () => {
  const remote = 'terraform {\n  backend "s3" {\n    bucket = "theirs"\n  }\n}\n';

  for (const name of ["é_override.tf", "~prebuildd_override.tf.json", "~~_override.tf", "~prebuildd_override.tofu"]) {
    test(`called ${name} is refused, because it would have the last word`, async (t) => {
      const template = await givenTemplate(t, { "main.tf": "", [name]: name.endsWith("json") ? "{}" : remote });
      const refused = `the file "${name}" would have the last word about where the state is kept: give it a name that begins with a letter from a to z`;
      assert.equal(errorOf((await template.build()).result), refused);
      assert.equal(await importError(template), refused);
    });
  }

  test("has none about the state with any other name, also for a cloud", async (t) => {
    const cloud = 'terraform {\n  cloud {\n    organization = "theirs"\n  }\n}\n';
    const files = { "main.tf": 'resource "terraform_data" "one" {}', "override.tf": remote, "zz_override.tf": cloud };
    const template = await givenTemplate(t, files);
    stateOf((await template.build()).result);
  });
});

describe("a version without a provider that the state still needs", needsTerraform, () => {
  test("has it fetched, and says honestly when that is not possible", async (t) => {
    const mirror = await makeDirectory(t);
    const config = join(mirror, "rc");
    await writeFile(config, `provider_installation {\n  filesystem_mirror {\n    path = "${mirror}"\n  }\n}\n`);
    const template = await givenTemplate(t, 'resource "terraform_data" "one" {}', {
      inherit: ["TF_CLI_CONFIG_FILE"],
      host: { ...process.env, TF_CLI_CONFIG_FILE: config },
    });
    const made = JSON.parse(stateOf((await template.build()).result).toString());
    made.resources.push({
      mode: "managed",
      type: "no_thing",
      name: "old",
      provider: 'provider["example.com/no/such"]',
      instances: [{ schema_version: 0, attributes: { id: "1" } }],
    });
    const state = Buffer.from(JSON.stringify(made));
    for (const transition of ["start", "delete"] as const) {
      const { result, lines } = await template.build({ transition, state });
      assert.match(errorOf(result), /^terraform init exited with code 1: Failed to query available provider packages/);
      assert.match(printed(lines, "init"), /needs example\.com\/no\/such, which the template does without/);
      assert.deepEqual(result.state, state);
    }
    // What all others use is as it was.
    const again = await template.build({ state: Buffer.from(JSON.stringify({ ...made, resources: [] })) });
    assert.equal(errorOf(again.result), "");
  });
});

test("a data directory that cannot be written to is named in the error", needsTerraform, async (t) => {
  const dataDir = join(await makeDirectory(t), "file");
  await writeFile(dataDir, "");
  const template = await givenTemplate(t, "", { dataDir });
  const sentence = new RegExp(
    `^${dataDir}/terraform cannot be written to \\(ENOTDIR.*\\): let the user that runs prebuildd`,
  );
  assert.match(errorOf((await template.build()).result), sentence);
  assert.match(await importError(template), sentence);
});
