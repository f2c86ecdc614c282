import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Resource, Subject } from "../rbac/decide.ts";
import type { Action } from "../rbac/policy.ts";
import { readScope } from "../rbac/scope.ts";
import { builtIn, FOREIGN, ME, ORG, role, SOMEONE, subjectWith } from "../rbac/subject.fixture.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../system-user.ts";
import { mayBuild, mayOnWorkspace, templateRights, workspaceResource } from "./rights.ts";

const ID = "00000000-0000-4000-8000-0000000000f1";
const workspaceOf = (owner_id: string, rest: { organization_id?: string; dormant?: boolean } = {}): Resource =>
  workspaceResource({ id: ID, owner_id, organization_id: ORG, dormant: false, user_acl: {}, group_acl: {}, ...rest });

const PREBUILD = workspaceOf(PREBUILDS_SYSTEM_USER_ID);
const SOMEONES = workspaceOf(SOMEONE);
const MINE = workspaceOf(ME);
const ALLOWED: Action[] = ["read", "update", "delete", "start", "stop"];

const holder = (...names: string[]): Subject => subjectWith(names.flatMap((name) => builtIn(name)));
const granted = (org: string): Subject => subjectWith([role({ org })]);
const limited = (subject: Subject, ...scopes: string[]): Subject => ({
  ...subject,
  scope: readScope({ scopes, allowList: ["*:*"] }),
});

const onlyWhat = (subject: Subject, workspace: Resource) =>
  ALLOWED.filter((action) => mayOnWorkspace(subject, action, workspace));
const deletes = (subject: Subject, workspace: Resource) => mayBuild(subject, "delete", workspace);

describe("a prebuild", () => {
  test("may be changed and deleted by who may do that with prebuilds, and nothing else may be done to it (DEL-19)", () => {
    const subject = granted("+prebuilt_workspace:update +prebuilt_workspace:delete");
    assert.deepEqual(onlyWhat(subject, PREBUILD), ["update", "delete"]);
    assert.deepEqual(onlyWhat(subject, SOMEONES), []);
    assert.deepEqual(onlyWhat(subject, MINE), []);
  });

  test("is deleted by who can also read it, and not by the right to delete prebuilds alone (DEL-16, DEL-17)", () => {
    const all = "+workspace:read +prebuilt_workspace:update +prebuilt_workspace:delete";
    assert.equal(deletes(granted(all), PREBUILD), true);
    for (const missing of all.split(" ")) {
      assert.equal(deletes(granted(all.replace(missing, "")), PREBUILD), false, `without ${missing}`);
    }
  });

  test("is deleted by who may delete workspaces, like any other (DEL-18)", () => {
    const subject = granted("+workspace:read +workspace:update +workspace:delete");
    assert.deepEqual([deletes(subject, PREBUILD), deletes(subject, SOMEONES)], [true, true]);
  });

  test("of another organization is deleted by nobody of this one (DEL-07)", () => {
    const elsewhere = workspaceOf(PREBUILDS_SYSTEM_USER_ID, { organization_id: FOREIGN });
    assert.equal(deletes(holder("organization-template-admin", "organization-admin"), elsewhere), false);
  });

  test("cannot be started or stopped by the right to change it (DEL-14, DEL-15)", () => {
    for (const name of ["template-admin", "organization-template-admin"]) {
      for (const transition of ["start", "stop"] as const) {
        assert.equal(mayBuild(holder(name), transition, PREBUILD), false, `${name} ${transition}`);
      }
    }
    assert.equal(mayBuild(holder("organization-admin"), "start", PREBUILD), true);
  });

  test("is no longer deleted by template admins once it is claimed (DEL-21)", () => {
    const { ownerId, ...rest } = PREBUILD;
    assert.equal(deletes(holder("template-admin"), PREBUILD), true);
    assert.equal(deletes(holder("template-admin"), { ...rest, ownerId: SOMEONE }), false);
  });

  test("has its builds canceled by who may change it and can read it", () => {
    assert.equal(mayBuild(holder("template-admin"), "update", PREBUILD), true);
    assert.equal(mayBuild(holder("template-admin"), "update", SOMEONES), false);
    assert.equal(mayBuild(granted("+prebuilt_workspace:update"), "update", PREBUILD), false);
    assert.equal(mayBuild(granted("+prebuilt_workspace:update +workspace:read"), "update", PREBUILD), true);
  });
});

describe("who deletes what", () => {
  // Roles without organization-member, as in the specification's table.
  for (const [name, prebuild, normal] of [
    ["owner", true, true],
    ["organization-admin", true, true],
    ["template-admin", true, false],
    ["organization-template-admin", true, false],
    ["auditor", false, false],
    ["organization-auditor", false, false],
    ["user-admin", false, false],
    ["organization-user-admin", false, false],
    ["member", false, false],
    ["organization-member", false, false],
  ] as const) {
    test(`${name}: ${prebuild ? "" : "no "}prebuilds, ${normal ? "" : "no "}other workspaces`, () => {
      assert.deepEqual([deletes(holder(name), PREBUILD), deletes(holder(name), SOMEONES)], [prebuild, normal]);
    });
  }

  test("a member deletes what is theirs (DEL-10)", () => {
    assert.equal(deletes(holder("organization-member"), MINE), true);
  });

  test("an admin who may not create workspaces deletes prebuilds and no others (DEL-20)", () => {
    const banned = holder("organization-admin", "organization-workspace-creation-ban");
    assert.deepEqual([deletes(banned, SOMEONES), deletes(banned, PREBUILD)], [false, true]);
  });

  test("a token reaches no further than its scopes", () => {
    const admin = holder("organization-admin");
    assert.equal(deletes(limited(admin, "prebuilt_workspace:delete"), PREBUILD), false);
    const enough = limited(admin, "workspace:read", "prebuilt_workspace:update", "prebuilt_workspace:delete");
    assert.deepEqual([deletes(enough, PREBUILD), deletes(enough, SOMEONES)], [true, false]);
  });

  test("a dormant workspace is deleted by who may do that with dormant ones, and started by nobody", () => {
    const asleep = workspaceOf(SOMEONE, { dormant: true });
    assert.equal(deletes(granted("+workspace:read +workspace:update +workspace:delete"), asleep), false);
    assert.equal(deletes(holder("owner"), asleep), true);
    assert.equal(mayBuild(holder("owner"), "start", asleep), false);
  });
});

test("what goes around the template needs the right to change it, and another version the right to use it", () => {
  for (const [asked, rights] of [
    [{}, []],
    [{ orphan: false }, []],
    [{ orphan: true }, ["update"]],
    [{ state: Buffer.alloc(0) }, ["update"]],
    [{ versionId: ID }, ["use"]],
    [{ versionId: ID, leavesRule: true }, ["update", "use"]],
    [{ state: Buffer.from("x"), versionId: ID }, ["update", "use"]],
  ] as const) {
    assert.deepEqual(templateRights(asked), rights);
  }
});
