import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { can } from "../rbac/decide.ts";
import { orgMemberPermissions } from "../rbac/organization-member.ts";
import { readScope } from "../rbac/scope.ts";
import { builtIn, FOREIGN, ME, ORG, SECOND, SOMEONE, subjectWith } from "../rbac/subject.fixture.ts";
import { groupMemberResource, groupResource, memberResource, ownGroups, roleAssignment } from "./resource.ts";

const CREW = "00000000-0000-4000-8000-0000000000c1";
const OTHERS = "00000000-0000-4000-8000-0000000000c2";

/** A plain member of an organization where workspaces may be shared, or may not. */
function member(sharing: boolean, groupIds: readonly string[] = []) {
  const within = { organizationId: ORG, ...orgMemberPermissions(!sharing) };
  return subjectWith([{ name: "organization-member", site: [], user: [], within }], { groupIds });
}

describe("groups", () => {
  it("are read by all members while sharing is on, and otherwise by who is in them", () => {
    const crew = groupResource({ id: CREW, organizationId: ORG });
    assert.equal(can(member(true), "read", crew), true);
    assert.equal(can(member(false), "read", crew), false);
    assert.equal(can(member(false, [CREW]), "read", crew), true);
    assert.equal(can(member(false), "read", groupResource({ id: ORG, organizationId: ORG })), true, "Everyone");
    assert.equal(can(member(true), "read", groupResource({ id: CREW, organizationId: FOREIGN })), false);
    assert.equal(can(member(false, [CREW]), "read", groupResource({ id: CREW, organizationId: FOREIGN })), false);
  });

  it("are not changed by who is in them", () => {
    for (const action of ["create", "update", "delete"] as const) {
      const crew = groupResource({ id: CREW, organizationId: ORG });
      assert.equal(can(member(true, [CREW]), action, crew), false, action);
    }
  });

  it("of one's own are those that one is in, with the Everyone group, as far as the token goes", () => {
    assert.deepEqual(ownGroups(member(false, [CREW]), ORG), [ORG, CREW]);
    assert.deepEqual(ownGroups(member(false), SECOND), [SECOND]);
    assert.deepEqual(ownGroups(member(false, [CREW]), FOREIGN), []);
    const scope = readScope({ scopes: ["group:read"], allowList: [`group:${CREW}`] });
    assert.deepEqual(ownGroups({ ...member(false, [CREW, OTHERS]), scope }, ORG), [CREW]);
    const noGroups = readScope({ scopes: ["workspace:read"], allowList: ["*:*"] });
    assert.deepEqual(ownGroups({ ...member(false, [CREW]), scope: noGroups }, ORG), []);
  });
});

describe("members", () => {
  const of = (ownerId: string) => ({ organizationId: ORG, ownerId });

  it("read themselves always, and one another while sharing is on", () => {
    assert.equal(can(member(false), "read", memberResource(of(ME))), true);
    assert.equal(can(member(false), "read", memberResource(of(SOMEONE))), false);
    assert.equal(can(member(true), "read", memberResource(of(SOMEONE))), true);
  });

  it("of groups are seen by themselves and by who may see all of them", () => {
    assert.equal(can(member(true), "read", groupMemberResource(of(ME))), true);
    assert.equal(can(member(true), "read", groupMemberResource(of(SOMEONE))), false);
    const auditor = subjectWith(builtIn("organization-auditor"));
    assert.equal(can(auditor, "read", groupMemberResource(of(SOMEONE))), true);
  });

  it("own nothing that lets them change their membership or their roles", () => {
    for (const action of ["create", "update", "delete"] as const) {
      assert.equal(can(member(true), action, memberResource(of(ME))), false, action);
    }
    for (const action of ["assign", "unassign"] as const) {
      assert.equal(can(member(true), action, roleAssignment(ORG)), false, action);
    }
  });
});
