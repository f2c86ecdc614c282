import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isUuid } from "../../uuid.ts";
import type { BuildRequest } from "../driver.ts";
import { buildEnvironment, commonEnvironment, importEnvironment, otherParameters } from "./environment.ts";

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

const common = { host: { PATH: "/bin" }, inherit: [], pluginCacheDir: "/plugins" };
const hash = (text: string) => `hash(${text})`;

function environmentOf(over: Partial<BuildRequest> = {}, agents: { id: string; token: string }[] = []) {
  const made = buildEnvironment(request(over), { ...common, agents, hash });
  assert.ok(made.ok);
  return made.environment;
}

test("what is inherited is only what is listed, and never what changes how Terraform works for us", () => {
  const host = {
    PATH: "/bin",
    HOME: "/root",
    DATABASE_URL: "secret",
    AWS_REGION: "mars",
    TF_WORKSPACE: "x",
    TF_LOG: "",
  };
  const inherit = ["AWS_REGION", "TF_WORKSPACE", "TF_LOG", "TF_CLI_CONFIG_FILE", "TF_CLI_ARGS_apply", "TF_INPUT"];
  const given = { ...host, TF_CLI_CONFIG_FILE: "/rc", TF_CLI_ARGS_apply: "-destroy", TF_INPUT: "1" };
  assert.deepEqual(commonEnvironment({ ...common, host: given, inherit }), {
    PATH: "/bin",
    HOME: "/root",
    AWS_REGION: "mars",
    TF_CLI_CONFIG_FILE: "/rc",
    TF_IN_AUTOMATION: "1",
    TF_INPUT: "0",
    CHECKPOINT_DISABLE: "1",
    TF_PLUGIN_CACHE_DIR: "/plugins",
  });
});

test("reading what a source declares knows of no parameters, and of a workspace that is none but looks like one", () => {
  const environment = importEnvironment(common);
  assert.equal(environment["TF_VAR_prebuildd_is_prebuild"], "false");
  assert.ok(isUuid(environment["TF_VAR_prebuildd_workspace_id"] ?? ""));
  assert.equal(environment["TF_VAR_prebuildd_transition"], "start");
  for (const what of ["name", "owner"]) assert.ok(environment[`TF_VAR_prebuildd_workspace_${what}`]);
  assert.deepEqual(
    Object.keys(environment).filter((name) => name.startsWith("CODER_")),
    [],
  );
});

describe("a parameter", () => {
  test("is a variable, and what the provider looks for", () => {
    const environment = environmentOf({ parameters: { disk_size: "10" } });
    assert.equal(environment["TF_VAR_disk_size"], "10");
    assert.equal(environment["CODER_PARAMETER_hash(disk_size)"], "10");
  });

  test("whose name no shell lets through is only what the provider looks for, and passed on in another way", () => {
    const parameters = { "disk-size": "10", "disk size": "10", "9": "x", "\0": "x" };
    assert.deepEqual(otherParameters({ ...parameters, plain: "1", _x9: "2" }), parameters);
    const environment = environmentOf({ parameters });
    assert.equal(environment["CODER_PARAMETER_hash(disk size)"], "10");
    assert.deepEqual(
      Object.keys(environment).filter((name) => /^TF_VAR_(?!prebuildd_)/.test(name)),
      [],
    );
  });

  test("cannot hold a NUL character, whatever its name is", () => {
    for (const name of ["size", "my-size"]) {
      const made = buildEnvironment(request({ parameters: { [name]: "a\0" } }), { ...common, agents: [], hash });
      assert.match(made.ok ? "" : made.error, /would hold a NUL character/);
    }
  });

  test("cannot pretend to be a fact about the workspace", () => {
    const made = buildEnvironment(request({ parameters: { prebuildd_is_prebuild: "true" } }), {
      ...common,
      agents: [],
      hash,
    });
    assert.deepEqual(made, {
      ok: false,
      error: 'the parameter "prebuildd_is_prebuild" has a name that is ours: rename it',
    });
  });
});

describe("the flags of prebuilds", () => {
  const flags = (environment: Readonly<Record<string, string>>) =>
    Object.keys(environment).filter((name) => name.startsWith("CODER_WORKSPACE_IS_PREBUILD"));

  test("are there exactly in the stage that they are about, because their presence counts", () => {
    assert.deepEqual(flags(environmentOf({ stage: "create" })), ["CODER_WORKSPACE_IS_PREBUILD"]);
    assert.deepEqual(flags(environmentOf({ stage: "claim" })), ["CODER_WORKSPACE_IS_PREBUILD_CLAIM"]);
    assert.deepEqual(flags(environmentOf()), []);
  });

  test("are variables in every stage, so that a template can declare them", () => {
    for (const [stage, prebuild, claim] of [
      ["create", "true", "false"],
      ["claim", "false", "true"],
      ["none", "false", "false"],
    ] as const) {
      const environment = environmentOf({ stage });
      assert.equal(environment["TF_VAR_prebuildd_is_prebuild"], prebuild);
      assert.equal(environment["TF_VAR_prebuildd_is_prebuild_claim"], claim);
    }
  });
});

describe("the tokens of agents", () => {
  const tokens = (environment: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(environment).filter(([name]) => name.startsWith("CODER_RUNNING_")));
  const one = { id: "a1", token: "t1" };
  const two = { id: "a2", token: "t2" };
  const name = "CODER_RUNNING_WORKSPACE_AGENT_TOKEN";

  test("of one agent are there under one name, of several under one for each", () => {
    assert.deepEqual(tokens(environmentOf({ stage: "claim" }, [one])), { [name]: "t1", [`${name}_hash()`]: "t1" });
    assert.deepEqual(tokens(environmentOf({ stage: "claim" }, [one, two])), {
      [`${name}_a1`]: "t1",
      [`${name}_hash(a1)`]: "t1",
      [`${name}_a2`]: "t2",
      [`${name}_hash(a2)`]: "t2",
    });
  });

  test("are there in claims only, and none are without agents", () => {
    assert.deepEqual(tokens(environmentOf({ stage: "none" }, [one])), {});
    assert.deepEqual(tokens(environmentOf({ stage: "claim" })), {});
  });
});
