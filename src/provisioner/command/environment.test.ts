import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { BuildRequest } from "../driver.ts";
import { commandEnvironment } from "./environment.ts";

const request = (over: Partial<BuildRequest> = {}): BuildRequest => ({
  workspace: {
    id: "w1",
    name: "mine",
    ownerId: "u1",
    ownerName: "ada",
    ownerFullName: "Ada Lovelace",
    ownerEmail: "ada@example.com",
    organizationName: "default",
    templateId: "t1",
    templateName: "devbox",
    templateVersion: "v7",
  },
  buildId: "b1",
  transition: "start",
  stage: "none",
  parameters: {},
  state: null,
  sourceDir: "/source",
  workspaceDir: "/workspaces/w1",
  ...over,
});

const environmentOf = (over: Partial<BuildRequest> = {}, host: Record<string, string | undefined> = {}) => {
  const made = commandEnvironment(request(over), { host, stateFile: "/scratch/state" });
  assert.ok(made.ok, "ok" in made && !made.ok ? made.error : "");
  return made.environment;
};

describe("the environment of a template's executables", () => {
  test("is exactly this, so that nothing gets into it by accident", () => {
    const host = { PATH: "/bin", HOME: "/root", LANG: "C", TMPDIR: "/t", DATABASE_URL: "x", PREBUILDD_TOKEN: "x" };
    assert.deepEqual(environmentOf({ parameters: { size: "small" } }, host), {
      PATH: "/bin",
      HOME: "/root",
      LANG: "C",
      TMPDIR: "/t",
      PREBUILDD_PARAMETER_SIZE: "small",
      PREBUILDD_WORKSPACE_ID: "w1",
      PREBUILDD_WORKSPACE_NAME: "mine",
      PREBUILDD_WORKSPACE_OWNER: "ada",
      PREBUILDD_WORKSPACE_OWNER_NAME: "Ada Lovelace",
      PREBUILDD_WORKSPACE_OWNER_EMAIL: "ada@example.com",
      PREBUILDD_WORKSPACE_DIR: "/workspaces/w1",
      PREBUILDD_TEMPLATE_DIR: "/source",
      PREBUILDD_TRANSITION: "start",
      PREBUILDD_IS_PREBUILD: "false",
      PREBUILDD_IS_PREBUILD_CLAIM: "false",
      PREBUILDD_STATE_FILE: "/scratch/state",
      CODER_WORKSPACE_ID: "w1",
      CODER_WORKSPACE_NAME: "mine",
      CODER_WORKSPACE_OWNER: "ada",
      CODER_WORKSPACE_OWNER_ID: "u1",
      CODER_WORKSPACE_OWNER_NAME: "Ada Lovelace",
      CODER_WORKSPACE_OWNER_EMAIL: "ada@example.com",
      CODER_WORKSPACE_TRANSITION: "start",
      CODER_WORKSPACE_IS_PREBUILD: "false",
      CODER_WORKSPACE_IS_PREBUILD_CLAIM: "false",
      CODER_WORKSPACE_TEMPLATE_ID: "t1",
      CODER_WORKSPACE_TEMPLATE_NAME: "devbox",
      CODER_WORKSPACE_TEMPLATE_VERSION: "v7",
    });
  });

  test("has a usable PATH when the daemon has none", () => {
    assert.match(environmentOf({}, { PATH: "" })["PATH"] ?? "", /(^|:)\/usr\/bin(:|$)/);
  });

  const flags: readonly [BuildRequest["transition"], BuildRequest["stage"], prebuild: string, claim: string][] = [
    ["start", "none", "false", "false"],
    ["start", "create", "true", "false"],
    ["start", "claim", "false", "true"],
    ["stop", "create", "true", "false"],
    ["delete", "create", "true", "false"],
    ["delete", "none", "false", "false"],
  ];
  for (const [transition, stage, prebuild, claim] of flags) {
    test(`says prebuild ${prebuild}, claim ${claim} to a ${transition} at stage ${stage}, under both names`, () => {
      const environment = environmentOf({ transition, stage });
      assert.equal(environment["PREBUILDD_IS_PREBUILD"], prebuild);
      assert.equal(environment["PREBUILDD_IS_PREBUILD_CLAIM"], claim);
      assert.equal(environment["CODER_WORKSPACE_IS_PREBUILD"], prebuild);
      assert.equal(environment["CODER_WORKSPACE_IS_PREBUILD_CLAIM"], claim);
      assert.equal(environment["PREBUILDD_TRANSITION"], transition);
      assert.equal(environment["CODER_WORKSPACE_TRANSITION"], transition);
    });
  }

  for (const [parameter, variable] of [
    ["size", "SIZE"],
    ["disk_size2", "DISK_SIZE2"],
    ["disk-size", "DISK_SIZE"],
    ["a b.c", "A_B_C"],
    ["größe", "GR_SSE"],
  ] as const) {
    test(`names parameter "${parameter}" ${variable}`, () => {
      assert.equal(environmentOf({ parameters: { [parameter]: "v" } })[`PREBUILDD_PARAMETER_${variable}`], "v");
    });
  }

  test("keeps values as they are, line breaks and all", () => {
    assert.equal(environmentOf({ parameters: { a: "1\n$(x) 'ü'" } })["PREBUILDD_PARAMETER_A"], "1\n$(x) 'ü'");
  });

  test("is refused when two parameters would become one variable, and both are named", () => {
    const made = commandEnvironment(request({ parameters: { "disk-size": "1", disk_size: "2" } }), {
      host: {},
      stateFile: "/s",
    });
    assert.deepEqual(made, {
      ok: false,
      error:
        'the parameters "disk-size" and "disk_size" would both become PREBUILDD_PARAMETER_DISK_SIZE: rename one of them',
    });
  });

  test("is refused when a value holds a NUL character", () => {
    const made = commandEnvironment(request({ parameters: { a: "x\0y" } }), { host: {}, stateFile: "/s" });
    assert.ok(!made.ok);
    assert.match(made.error, /^PREBUILDD_PARAMETER_A would hold a NUL/);
  });
});
