import assert from "node:assert/strict";
import { test } from "node:test";
import { missingProviders } from "./providers.ts";

const stateWith = (...providers: unknown[]) =>
  JSON.stringify({
    version: 4,
    resources: providers.map((provider) => ({ mode: "managed", provider, instances: [] })),
  });
const aws = "registry.terraform.io/hashicorp/aws";
const locked = `# This file is maintained automatically.\n\nprovider "${aws}" {\n  version = "5.0.0"\n}\n`;

test("what a state needs is missing when no init has fetched it, also with an alias and in a module", () => {
  const state = stateWith(
    `provider["${aws}"].west`,
    'module.net["a"].provider["example.com/no/such"]',
    'module.net.provider["example.com/no/such"].other',
  );
  assert.deepEqual(missingProviders(state, locked), ["example.com/no/such"]);
  assert.deepEqual(missingProviders(state, ""), ["example.com/no/such", aws]);
});

test("what is built into Terraform is never missing", () => {
  assert.deepEqual(missingProviders(stateWith('provider["terraform.io/builtin/terraform"]'), ""), []);
});

test("a state that says nothing that can be understood needs nothing", () => {
  for (const state of ["", "null", "[]", "{", '{"resources": 3}', stateWith(3, null, "provider.aws")]) {
    assert.deepEqual(missingProviders(state, ""), []);
  }
});
