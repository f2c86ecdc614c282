import assert from "node:assert/strict";
import { test } from "node:test";
import type { NotificationData, NotificationEvent, NotifiedPool, Replaced } from "./event.ts";
import { messageOf, templateIdOf } from "./message.ts";
import { labelsOf, publicData, targetsOf } from "./payload.ts";

const POOL: NotifiedPool = {
  organizationId: "o-1",
  organization: "default",
  templateId: "t-1",
  template: "devbox",
  templateVersionId: "v-1",
  templateVersion: "spring",
  presetId: "p-1",
  preset: "small",
};

function claim(name: string, replacements: Replaced["replacements"]): Replaced {
  const ids = { workspaceId: `w-${name}`, claimantId: `u-${name}` };
  return { ...ids, at: "2025-06-02T09:00:00.000Z", workspace: "dev", claimant: name, buildNumber: 2, replacements };
}

const CLAIMS = [
  claim("alice", { "docker_container.main": ["image", "env.0"], "docker_volume.home": ["name"] }),
  claim("bob", { "docker_container.main": ["env.0", "hostname"] }),
];

test("a claim that replaced resources is told with who, where, which resources, which attributes, and what to do", () => {
  const { title, body } = messageOf("resource_replaced", { pool: POOL, claims: CLAIMS.slice(0, 1) }, 1);
  assert.equal(title, "A claim from the pool devbox/small has replaced 2 resources");
  assert.match(body, /the preset small of the template devbox \(version spring, organization default\) replaced/);
  assert.match(body, /^alice claimed the workspace dev \(build 2\):\n- docker_container\.main: image, env\.0\n/m);
  assert.match(body, /^- docker_volume\.home: name\n/m);
  assert.match(body, /lifecycle \{ ignore_changes = \[\.\.\.\] \}/);
});

test("many claims are told as one, and those that are no longer kept are counted", () => {
  const { title, body } = messageOf("resource_replaced", { pool: POOL, claims: CLAIMS }, 25);
  assert.equal(title, "25 claims from the pool devbox/small have replaced resources");
  assert.match(body, /^alice claimed[\s\S]*^bob claimed[\s\S]*^23 earlier claims did so, too\.$/m);
});

test("each of the other events says what it means and what to do", () => {
  const said = (event: NotificationEvent, data: Partial<NotificationData>) => {
    const { title, body } = messageOf(event, { pool: POOL, ...data }, 1);
    return `${title}\n${body}`;
  };
  const reset = 'prebuildd presets reset --organization default --template devbox --preset "small"';
  const limited = said("preset_hard_limited", { reason: "3 builds in a row have failed." });
  assert.match(limited, /organization default\): 3 builds in a row have failed\.\n/);
  assert.ok(limited.includes(reset));
  const invalid = said("preset_validation_failed", { reason: "size must be small or large" });
  assert.match(invalid, /size must be small or large\.\n/);
  assert.ok(invalid.includes(reset));
  assert.match(said("pool_empty", { misses: 1 }), /\n1 request for a workspace .*found no ready prebuild/);
  assert.match(said("pool_empty", { misses: 7 }), /\n7 requests .*\n[\s\S]*raise the pool's instances/);
});

test("names with line breaks in them make no lines of their own", () => {
  const pool = { ...POOL, preset: "small\r\nBcc: eve@example.com", template: "dev\nbox" };
  const claims = [claim("a\nb", { 'x["\n- y"]': ["z\nz"] })];
  const plain = messageOf("resource_replaced", { pool: POOL, claims: [claim("a", { x: ["z"] })] }, 1);
  const { title, body } = messageOf("resource_replaced", { pool, claims }, 1);
  assert.doesNotMatch(title, /[\r\n]/);
  assert.equal(body.split("\n").length, plain.body.split("\n").length);
});

test("programs get the newest claim's names, the ids of all claims, and the replaced resources of all in one", () => {
  const data = { pool: POOL, claims: CLAIMS };
  assert.deepEqual(labelsOf(data), {
    org: "default",
    template: "devbox",
    template_version: "spring",
    preset: "small",
    workspace: "dev",
    workspace_build_num: "2",
    claimant: "bob",
  });
  assert.deepEqual(labelsOf({ pool: POOL, misses: 1 })["workspace"], undefined);
  assert.deepEqual(targetsOf(data), ["w-alice", "u-alice", "w-bob", "u-bob", "t-1", "v-1", "p-1", "o-1"]);
  assert.deepEqual(publicData(data).replacements, {
    "docker_container.main": "image, env.0, hostname",
    "docker_volume.home": "name",
  });
  assert.deepEqual(publicData({ pool: POOL, misses: 3 }), { misses: 3 });
});

test("each kind of message has an id of its own, which never changes", () => {
  const events = ["resource_replaced", "preset_hard_limited", "preset_validation_failed", "pool_empty"] as const;
  assert.deepEqual(events.map(templateIdOf), [
    "89d9745a-816e-4695-a17f-3d0a229e2b8d",
    "414d9331-c1fc-4761-b40c-d1f4702279eb",
    "10efc5d9-f3cf-4910-a3c4-5787017ccb82",
    "7a1f4902-c3c6-4f50-83af-53498b70c23b",
  ]);
});
