import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { samePermissions } from "./permission.ts";
import { RESOURCE_TYPES } from "./policy.ts";
import { permissions } from "./subject.fixture.ts";
import { MEMBER_ROLE, systemRolePermissions } from "./system-roles.ts";

const BASE = "+provisioner_daemon:read +organization:read +assign_org_role:read";
const SETTINGS = [false, true];

const orgMember = (sharingDisabled: boolean) => systemRolePermissions(MEMBER_ROLE, sharingDisabled);

describe("organization-member", () => {
  test("GEN-01, GEN-07: while workspaces can be shared, members see one another and the groups", () => {
    const { org, member } = orgMember(false);
    assert.ok(samePermissions(org, permissions(`${BASE} +organization_member:read +group:read`)));
    assert.ok(!member.some(({ negate }) => negate));
  });

  test("GEN-08: while workspaces cannot be shared, that is denied in the whole organization, and nothing else is", () => {
    const { org, member } = orgMember(true);
    assert.ok(samePermissions(org, permissions(`${BASE} -workspace:share`)));
    assert.ok(!member.some(({ negate }) => negate));
  });

  test("GEN-10: it grants nothing for the deployment, nor for what belongs to no organization", () => {
    for (const sharingDisabled of SETTINGS) {
      const { site, user } = orgMember(sharingDisabled);
      assert.deepEqual([site, user], [[], []]);
    }
  });

  test("GEN-11: members do all with what is theirs but start, enter or share dormant workspaces and change people", () => {
    const special = ["workspace_dormant", "prebuilt_workspace", "user", "organization_member"];
    const wildcards = RESOURCE_TYPES.filter((type) => !special.includes(type)).map((type) => `+${type}:*`);
    const dormant = ["read", "delete", "create", "update", "stop", "create_agent", "delete_agent", "update_agent"];
    const expected = permissions(
      [...wildcards, ...dormant.map((action) => `+workspace_dormant:${action}`), "+organization_member:read"].join(" "),
    );
    for (const sharingDisabled of SETTINGS) {
      const { member } = orgMember(sharingDisabled);
      assert.ok(samePermissions(member, expected));
      assert.ok(!member.some(({ resource_type }) => resource_type === "user"), "no entry for users");
      assert.ok(!member.some(({ resource_type }) => resource_type === "prebuilt_workspace"), "none for prebuilds");
      for (const action of ["*", "start", "ssh"]) {
        assert.ok(!member.some((one) => one.resource_type === "workspace_dormant" && one.action === action), action);
      }
    }
  });
});

test("GEN-13: a name that is no system role is an error", () => {
  for (const name of ["something-else", "organization-admin", "", "toString"]) {
    assert.throws(() => systemRolePermissions(name, false), /there is no system role/);
  }
});
