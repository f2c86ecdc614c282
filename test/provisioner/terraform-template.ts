import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import type { BuildRequest, BuildResult } from "../../src/provisioner/driver.ts";
import { createTerraformDriver, type TerraformDriverOptions } from "../../src/provisioner/terraform/driver.ts";
import { parseState } from "../../src/provisioner/terraform/state.ts";
import { binary } from "../support/terraform.ts";
import { waitFor } from "../support/wait-for.ts";
import { makeDirectory, recordingContext, requestFor } from "./command-template.ts";

/** Records what a driver logs, stores and charges. */
export function recordingBuild(signal?: AbortSignal) {
  const kept: Buffer[] = [];
  const costs: number[] = [];
  return {
    ...recordingContext(signal),
    kept,
    costs,
    keepState: async (state: Buffer) => kept.push(state) > 0,
    commitCost: async (cost: number) => {
      costs.push(cost);
      return undefined as string | undefined;
    },
  };
}

/** The outputs of a log, those of one stage or all. */
export const printed = (lines: readonly { stage: string; output: string }[], stage?: string) =>
  lines
    .filter((line) => stage === undefined || line.stage === stage)
    .map((line) => line.output)
    .join("\n");

/** Why a build failed; empty when it did not. */
export const errorOf = (result: { ok: true } | { ok: false; error: string }) => (result.ok ? "" : result.error);

export async function makeSource(t: TestContext, files: string | Readonly<Record<string, string>>): Promise<string> {
  const directory = await makeDirectory(t);
  for (const [name, text] of Object.entries(typeof files === "string" ? { "main.tf": files } : files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), text);
  }
  return directory;
}

/** A template, a driver with a data directory of its own, and builds of one workspace. */
export async function givenTemplate(
  t: TestContext,
  files: string | Readonly<Record<string, string>>,
  options: Partial<TerraformDriverOptions> = {},
) {
  const sourceDir = await makeSource(t, files);
  const dataDir = options.dataDir ?? (await makeDirectory(t));
  const driver = createTerraformDriver({ binary, dataDir, inherit: [], killGraceMs: 5_000, ...options });
  const runDir = join(dataDir, "terraform", "workspaces", requestFor(sourceDir).workspace.id);
  return {
    driver,
    dataDir,
    sourceDir,
    runDir,
    async build(over: Partial<BuildRequest> = {}, context = recordingBuild()) {
      const result = await driver.build(requestFor(sourceDir, over), context);
      return { ...context, result };
    },
  };
}

/** The state of a build that must have succeeded. */
export function stateOf(result: BuildResult): Buffer {
  assert.equal(errorOf(result), "");
  assert.ok(result.state);
  return result.state;
}

/**
 * What a template makes outside, in a directory: `home` removes it, and `disk` makes it and then runs a command. Terraform
 * records the one before it begins with the other, and runs no destroy provisioner of what it has not finished.
 */
export const homeAndDisk = (outside: string, andThen = "true") => `
resource "terraform_data" "home" {
  input = "${outside}"
  provisioner "local-exec" {
    when    = destroy
    command = "rm -rf \${self.input}"
  }
}
resource "terraform_data" "disk" {
  input = terraform_data.home.id
  provisioner "local-exec" {
    command = "mkdir -p ${outside}; touch ${outside}/made; ${andThen}"
  }
}
`;

/** A resource that makes a file in a directory, named after itself and its id; its destruction removes that file. */
export const thing = (name: string, outside: string, destroy = "true", more = "") => `
resource "terraform_data" "${name}" {
  ${more}
  input = "${outside}/${name}"
  provisioner "local-exec" {
    command = "touch \${self.input}-\${self.id}"
  }
  provisioner "local-exec" {
    when    = destroy
    command = "${destroy} && rm \${self.input}-\${self.id}"
  }
}
`;

/** The names of the resources in a state. */
export const namesIn = (state: Buffer | null | undefined) =>
  ((state && parseState(state)?.resources) ?? []).map(({ name }) => String(name)).toSorted();

/** A directory that a template makes something in; and the template, which then hangs until it is told to go on. */
export async function givenHanging(t: TestContext) {
  const directory = await makeDirectory(t);
  const outside = join(directory, "outside");
  const pid = join(directory, "pid");
  const template = await givenTemplate(
    t,
    homeAndDisk(outside, `echo $PPID >${pid}; while [ ! -e ${directory}/go ]; do sleep 0.05; done`),
  );
  return {
    ...template,
    outside,
    go: () => writeFile(join(directory, "go"), ""),
    /** Waits until Terraform hangs in the command, and resolves with Terraform's process id. */
    hanging: () =>
      waitFor("terraform to hang", () => {
        const text = existsSync(pid) ? readFileSync(pid, "utf8") : "";
        return text.endsWith("\n") ? Number(text) : undefined;
      }),
  };
}
