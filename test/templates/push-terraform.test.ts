import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { findTerraform } from "../../src/provisioner/terraform/binary.ts";
import { createTerraformDriver } from "../../src/provisioner/terraform/driver.ts";
import { needsTerraform } from "../support/terraform.ts";
import { directoryWith, givenPushes } from "./pushing.ts";

const TERRAFORM = { provisioner: "terraform" };
const DECLARATIONS = new URL("../../src/provisioner/terraform/fixtures/declarations.json", import.meta.url);
const RESOURCE = 'resource "terraform_data" "box" {}\n';

/** A server whose worker drives Terraform, or what stands for it. */
async function givenTerraform(t: TestContext, wrap: (binary: string) => Promise<string> = async (binary) => binary) {
  const found = await findTerraform({ path: undefined, host: process.env });
  const binary = await wrap(found?.path ?? assert.fail("there is no terraform"));
  const driver = createTerraformDriver({ binary, dataDir: await directoryWith(t, {}), inherit: [] });
  return givenPushes(t, { drivers: { terraform: driver } });
}

describe("a push of a Terraform template", needsTerraform, () => {
  it("makes a version of it without making any of its resources", async (t) => {
    const api = await givenTerraform(t);
    const { job, lines } = await api.pushed("box", await directoryWith(t, { "main.tf": RESOURCE }), TERRAFORM);
    assert.equal(job.status, "succeeded", job.error ?? "");
    assert.ok(lines.some((line) => line.includes("terraform_data.box will be created")));
    assert.deepEqual(await api.presets("box"), []);
  });

  it("shows what is wrong with it, and where", async (t) => {
    const api = await givenTerraform(t);
    const { job, lines } = await api.pushed("box", await directoryWith(t, { "main.tf": "resource {" }), TERRAFORM);
    assert.equal(job.status, "failed");
    assert.notEqual(job.error, "");
    assert.ok(lines.some((line) => line.includes("main.tf line 1")));
  });

  it("takes over the presets and parameters that are in its plan", async (t) => {
    // Everything but the plan's JSON is the real thing: the provider that declares presets is not there to be had.
    const api = await givenTerraform(t, async (binary) => {
      const script = `#!/bin/sh
case "$*" in *show*-json*) exec cat '${fileURLToPath(DECLARATIONS)}' ;; esac
exec '${binary}' "$@"
`;
      return join(await directoryWith(t, { terraform: script }), "terraform");
    });
    const source = await directoryWith(t, { "main.tf": RESOURCE });
    const { job } = await api.pushed("box", source, TERRAFORM);
    assert.equal(job.status, "succeeded", job.error ?? "");
    const parameters: { name: string }[] = await api.parameters("box");
    assert.deepEqual(
      parameters.map(({ name }) => name),
      ["region", "instance", "disk"],
    );
    const [large, small] = await api.presets("box");
    assert.deepEqual(
      [large.name, large.desired_prebuild_instances, large.default, large.parameters],
      [
        "Large",
        2,
        true,
        [
          { name: "disk", value: "50" },
          { name: "instance", value: "large" },
          { name: "region", value: "eu" },
        ],
      ],
    );
    assert.deepEqual([small.name, small.desired_prebuild_instances], ["Small", null]);
    const pools: { preset_name: string; scheduling: { timezone: string } }[] = await api.get("/api/v2/prebuilds/pools");
    assert.deepEqual(
      pools.map(({ preset_name, scheduling }) => [preset_name, scheduling.timezone]),
      [["Large", "Europe/Berlin"]],
    );
    await writeFile(join(source, "more.tf"), 'resource "terraform_data" "more" {}\n');
    const again = await api.pushed("box", source);
    assert.notEqual(again.job.input.template_version_id, job.input.template_version_id);
    assert.equal((await api.presets("box")).length, 2);
  });
});
