import assert from "node:assert/strict";
import { test } from "node:test";
import { declarationsOf } from "./declarations.ts";
import { NONSENSE, PLANS } from "./plan.fixture.ts";
import type { PlanJson } from "./plan-json.ts";

/** A plan before which one such data source was read. */
const planWith = (type: string, values: unknown): PlanJson => {
  const resources = [{ address: `data.${type}.x`, mode: "data", type, values }];
  return { prior_state: { values: { root_module: { resources } } } };
};
const parameterWith = (values: Readonly<Record<string, unknown>>) =>
  declarationsOf(planWith("coder_parameter", { name: "p", type: "string", optional: true, default: "", ...values }))
    .parameters[0];
const presetWith = (prebuilds: unknown) =>
  declarationsOf(planWith("coder_workspace_preset", { name: "p", prebuilds })).presets[0];

test("presets of a template are those of the apply file, word for word", () => {
  assert.deepEqual(declarationsOf(PLANS.declarations).presets, [
    {
      name: "Large",
      description: "For big projects",
      icon: "/icon/large.svg",
      default: true,
      parameters: { instance: "large", region: "eu", disk: "50" },
      prebuilds: {
        instances: 2,
        expiration_policy: { ttl: 86_400 },
        scheduling: {
          timezone: "Europe/Berlin",
          schedule: [
            { cron: "* 8-18 * * 1-5", instances: 4 },
            { cron: "* 8-14 * * 6", instances: 1 },
          ],
        },
      },
    },
    { name: "Small", default: false },
  ]);
});

test("parameters stand in the template's order, those of modules among them, without those of a single build", () => {
  assert.deepEqual(declarationsOf(PLANS.declarations).parameters, [
    {
      name: "region",
      type: "string",
      mutable: true,
      options: [],
      validation: { regex: "^[a-z]+$", error: "must be lower case" },
    },
    {
      name: "instance",
      display_name: "Instance size",
      type: "string",
      mutable: true,
      default: "small",
      options: [
        { name: "Small", value: "small" },
        { name: "Large", value: "large" },
      ],
    },
    {
      name: "disk",
      description: "In GiB",
      type: "number",
      mutable: false,
      default: "20",
      options: [],
      validation: { min: 10 },
    },
  ]);
});

test("a plan that declares nothing has neither presets nor parameters", () => {
  assert.deepEqual(declarationsOf({}), { presets: [], parameters: [] });
  assert.deepEqual(declarationsOf(PLANS.dockerClaim), { presets: [], parameters: [] });
});

test("what is both known before and planned is there once, as it was known before", () => {
  const resource = (name: string) => {
    return { address: "data.coder_parameter.x", mode: "data", type: "coder_parameter", values: { name } };
  };
  const plan = {
    planned_values: { root_module: { resources: [resource("planned")] } },
    prior_state: { values: { root_module: { resources: [resource("before")] } } },
  };
  assert.deepEqual(declarationsOf(plan).parameters, [{ name: "before", options: [] }]);
});

test("a preset that Terraform will only know while it applies is still seen", () => {
  const resources = [{ address: "data.x.y", mode: "data", type: "coder_workspace_preset", values: { default: false } }];
  assert.deepEqual(declarationsOf({ planned_values: { root_module: { resources } } }).presets, [{ default: false }]);
});

test("a time to live of nothing means that prebuilds do not expire", () => {
  assert.deepEqual(presetWith([{ instances: 1, expiration_policy: [{ ttl: 0 }], scheduling: [] }]), {
    name: "p",
    prebuilds: { instances: 1 },
  });
});

test("a pool without its size is handed on as such, to be refused", () => {
  assert.deepEqual(presetWith([{ instances: null, expiration_policy: [], scheduling: null }]), {
    name: "p",
    prebuilds: {},
  });
});

test("a parameter has to be given when it has no default, and need not be when the default is empty", () => {
  assert.ok(!Object.hasOwn(parameterWith({ optional: false, default: "" }) as object, "default"));
  assert.ok(!Object.hasOwn(parameterWith({ optional: null, default: null }) as object, "default"));
  assert.deepEqual(parameterWith({ optional: true, default: null }), {
    name: "p",
    type: "string",
    default: "",
    options: [],
  });
});

test("bounds that were not set do not count, nor do those of what is not a number", () => {
  const validation = [{ min: 0, max: 0, min_disabled: true, max_disabled: false, regex: "", error: "" }];
  assert.deepEqual((parameterWith({ type: "number", validation }) as { validation: unknown }).validation, { max: 0 });
  assert.deepEqual((parameterWith({ type: "string", validation }) as { validation: unknown }).validation, {});
});

test("nonsense anywhere in a plan is passed over, or handed on to be refused", () => {
  for (const nonsense of NONSENSE) {
    declarationsOf({ planned_values: nonsense, prior_state: nonsense });
    declarationsOf({ prior_state: { values: nonsense } });
    for (const type of ["coder_parameter", "coder_workspace_preset"]) {
      declarationsOf(planWith(type, nonsense));
      const keys = ["name", "type", "default", "option", "validation", "order", "parameters", "prebuilds", "ephemeral"];
      for (const key of keys) {
        declarationsOf(planWith(type, { [key]: nonsense }));
        declarationsOf(planWith(type, { [key]: [nonsense] }));
      }
    }
    declarationsOf(
      planWith("coder_workspace_preset", { prebuilds: [{ scheduling: [nonsense], expiration_policy: [nonsense] }] }),
    );
  }
});
