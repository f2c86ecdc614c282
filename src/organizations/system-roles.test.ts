import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { permissions } from "../rbac/subject.fixture.ts";
import { MEMBER_ROLE, systemRolePermissions } from "../rbac/system-roles.ts";
import { isChange, rolesToWrite, type StaleRoles } from "./system-roles.ts";

const ORGANIZATION = { id: "a", name: "first" };
const NOTHING = { added: [], removed: [] };

type Given = { sharingDisabled?: boolean; org?: unknown; member?: unknown } & Partial<
  Pick<StaleRoles, "missing" | "organizations">
>;

/** A role that is right, but for what the test says. */
function stored({ sharingDisabled = false, missing = false, organizations = [ORGANIZATION], ...lists }: Given = {}) {
  const { org, member } = systemRolePermissions(MEMBER_ROLE, sharingDisabled);
  const expected = { org, member };
  return { name: MEMBER_ROLE, missing, organizations, stored: { org, member, ...lists }, expected };
}

const { org, member } = systemRolePermissions(MEMBER_ROLE, false);
const wordsOf = (list: typeof org) => list.map(({ resource_type, action }) => `${resource_type}:${action}`);

describe("rolesToWrite", () => {
  test("lists that are the same as sets are left alone, in either setting", () => {
    for (const sharingDisabled of [false, true]) {
      const right = systemRolePermissions(MEMBER_ROLE, sharingDisabled);
      const other = { org: [...right.org.toReversed(), ...right.org], member: [...right.member, ...right.member] };
      assert.deepEqual(rolesToWrite([stored({ sharingDisabled }), stored({ sharingDisabled, ...other })]), []);
    }
  });

  test("what differs is said of each list by itself", () => {
    const lacking = stored({ org: org.slice(1) });
    const extra = stored({ member: [...member, ...permissions("+template:delete -template:delete")] });
    const [first, second] = rolesToWrite([lacking, extra]);
    assert.deepEqual(first, {
      ...{ name: MEMBER_ROLE, organization: ORGANIZATION, missing: false },
      ...{ org: { added: wordsOf(org.slice(0, 1)), removed: [] }, member: NOTHING },
    });
    assert.deepEqual(
      [second?.org, second?.member],
      [NOTHING, { added: [], removed: ["template:delete", "-template:delete"] }],
    );
  });

  test("a wildcard is not the same as what it stands for", () => {
    const [role] = rolesToWrite([stored({ org: [...org.slice(1), ...permissions("+provisioner_daemon:*")] })]);
    assert.deepEqual(role?.org.removed, ["provisioner_daemon:*"]);
  });

  test("a grant that has become a denial is both added and removed", () => {
    const [role] = rolesToWrite([stored({ sharingDisabled: true, org: [...org, ...permissions("+workspace:share")] })]);
    const gone = ["organization_member:read", "group:read", "workspace:share"];
    assert.deepEqual(role?.org, { added: ["-workspace:share"], removed: gone });
  });

  test("what is not a list, or not there, is an empty one", () => {
    for (const nothing of [null, undefined, [], {}, "[]", 7]) {
      const [role] = rolesToWrite([stored({ org: nothing, member: nothing })]);
      assert.deepEqual(role?.org, { added: wordsOf(org), removed: [] });
      assert.deepEqual(role?.member, { added: wordsOf(member), removed: [] });
    }
  });

  test("what is not a permission is a reason to write, and told of once", () => {
    for (const garbage of ["x", null, 3, {}, []]) {
      const [role] = rolesToWrite([stored({ org: [...org, garbage, garbage] })]);
      assert.deepEqual(role?.org, { added: [], removed: ["something that is not a permission"] });
    }
  });

  test("a missing role is written for each organization, with all that it grants as added", () => {
    const organizations = [ORGANIZATION, { id: "b", name: "second" }];
    const roles = rolesToWrite([stored({ missing: true, org: null, member: null, organizations })]);
    assert.deepEqual(
      roles.map(({ organization, missing, ...rest }) => [organization.name, missing, rest.org.added.length]),
      [
        ["first", true, org.length],
        ["second", true, org.length],
      ],
    );
  });

  test("a role that only another version knows is made what that one has said", () => {
    const expected = { org: permissions("+template:read"), member: [] };
    const [role] = rolesToWrite([{ ...stored({ org: [], member: [] }), name: "something-else", expected }]);
    assert.deepEqual(
      [role?.name, role?.org, role?.member],
      ["something-else", { added: ["template:read"], removed: [] }, NOTHING],
    );
  });
});

test("a change is what adds or removes something", () => {
  assert.equal(isChange(NOTHING), false);
  assert.equal(isChange({ added: ["a:b"], removed: [] }), true);
  assert.equal(isChange({ added: [], removed: ["a:b"] }), true);
});
