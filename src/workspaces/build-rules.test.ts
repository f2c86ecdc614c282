import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PREBUILDS_SYSTEM_USER_ID } from "../system-user.ts";
import { type AskedBuild, buildConflict, buildEntry, nextVersion } from "./build-rules.ts";

const WORKSPACE = {
  name: "dev",
  owner_id: "00000000-0000-4000-8000-000000000002",
  owner_name: "alice",
  organization_id: "00000000-0000-4000-8000-00000000000a",
  automatic_updates: "never",
  require_active_version: false,
  active_version_id: "new",
  latest_version_id: "old",
  latest_build_number: 3,
  latest_job_status: "succeeded",
  claim_unfinished: false,
} as const;
const PREBUILD = { ...WORKSPACE, owner_id: PREBUILDS_SYSTEM_USER_ID };
const START: AskedBuild = { transition: "start" };

describe("a build is in the way of another one", () => {
  for (const [status, isInTheWay] of [
    ["pending", true],
    ["running", true],
    ["canceling", true],
    ["succeeded", false],
    ["failed", false],
    ["canceled", false],
    [null, false],
  ] as const) {
    test(`${isInTheWay ? "while" : "not when"} its job is ${status}`, () => {
      const conflict = buildConflict({ ...WORKSPACE, latest_job_status: status }, START);
      assert.equal(conflict !== undefined, isInTheWay);
    });
  }

  test("when it is the claim build that is still to come", () => {
    assert.match(buildConflict({ ...WORKSPACE, claim_unfinished: true }, START) ?? "", /just been claimed/);
  });
});

test("a prebuild keeps the version and the parameters of its pool", () => {
  const changes: AskedBuild[] = [
    { ...START, versionId: "new" },
    { ...START, parameters: [{ name: "size", value: "xl" }] },
  ];
  for (const asked of changes) {
    assert.match(buildConflict(PREBUILD, asked) ?? "", /claim it first/);
    assert.equal(buildConflict(WORKSPACE, asked), undefined);
  }
  assert.equal(buildConflict(PREBUILD, { ...START, parameters: [] }), undefined);
  assert.equal(buildConflict(PREBUILD, { transition: "delete", orphan: true }), undefined);
});

test("a start takes the version that is asked for, else the active one where that is wanted, else the latest", () => {
  const always = { ...WORKSPACE, automatic_updates: "always" } as const;
  assert.equal(nextVersion(WORKSPACE, START), "old");
  assert.equal(nextVersion(always, START), "new");
  assert.equal(nextVersion({ ...always, active_version_id: null }, START), "old");
  assert.equal(nextVersion(always, { ...START, versionId: "other" }), "other");
  for (const transition of ["stop", "delete"] as const) assert.equal(nextVersion(always, { transition }), "old");
});

test("a start takes the active version where the template demands it, and nothing but a start does", () => {
  const demanded = { ...WORKSPACE, require_active_version: true };
  assert.equal(nextVersion(demanded, START), "new");
  assert.equal(nextVersion({ ...demanded, active_version_id: null }, START), "old");
  for (const transition of ["stop", "delete"] as const) assert.equal(nextVersion(demanded, { transition }), "old");
});

test("a prebuild is started from the version of its pool, whatever its template demands", () => {
  for (const automatic_updates of ["always", "never"] as const) {
    const demanded = { ...PREBUILD, require_active_version: true, automatic_updates };
    assert.equal(nextVersion(demanded, START), "old");
  }
});

test("the audit log says why there is a build that a rule of the lifecycle asked for", () => {
  const { diff } = buildEntry(WORKSPACE, { transition: "stop", reason: "autostop", buildId: "b" });
  assert.deepEqual(diff, { build_number: { old: 3, new: 4 }, reason: { old: null, new: "autostop" } });
});

test("the audit log says what is built and what differs, and no values that may be secret", () => {
  const secret = { state: Buffer.from("hunter2"), parameters: [{ name: "password", value: "hunter2" }] };
  const entry = buildEntry(WORKSPACE, { ...START, ...secret, versionId: "new", buildId: "b" });
  assert.deepEqual(entry, {
    action: "start",
    type: "workspace_build",
    id: "b",
    target: "alice/dev",
    organizationId: WORKSPACE.organization_id,
    diff: {
      build_number: { old: 3, new: 4 },
      template_version_id: { old: "old", new: "new" },
      state: { old: null, new: "given" },
      parameters: { old: null, new: ["password"] },
    },
  });
  const deletion = buildEntry(PREBUILD, { transition: "delete", orphan: true, buildId: "b" });
  assert.deepEqual(deletion.diff, { build_number: { old: 3, new: 4 }, orphan: { old: null, new: true } });
});
