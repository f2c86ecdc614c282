import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ORGANIZATION_ROLES } from "../rbac/roles.ts";
import { readScope } from "../rbac/scope.ts";
import { builtIn, ORG, SECOND, subjectWith } from "../rbac/subject.fixture.ts";
import {
  assignableRoles,
  isRole,
  roleChange,
  roleChangeProblem,
  roleNames,
  storedRoles,
  unknownRoles,
} from "./role-change.ts";

const ADMIN = "organization-admin";
const AUDITOR = "organization-auditor";
const NOTHING = { added: [], removed: [] };

describe("roles", () => {
  it("are stored once each, in order, without the one that every member has", () => {
    const given = [AUDITOR, "organization-member", ADMIN, AUDITOR];
    assert.deepEqual(storedRoles(given), [ADMIN, AUDITOR]);
  });

  it("are the same in any case, and called as the roles that there are", () => {
    const given = ["READER", "Pilot", "Organization-Admin", "ORGANIZATION-MEMBER", "Gone"];
    const others = ["reader", "PILOT", "Organization-ADMIN"];
    assert.deepEqual(roleNames(given, others), ["reader", "PILOT", ADMIN, "organization-member", "gone"]);
  });

  it("that there are not are named with their places", () => {
    assert.deepEqual(unknownRoles(["organization-member", ...ORGANIZATION_ROLES, "reader"], ["reader"]), []);
    const names = [ADMIN, "owner", AUDITOR, "toString", "reader", "Reader"];
    assert.deepEqual(
      unknownRoles(names, ["reader"]).map(({ field }) => field),
      ["roles.1", "roles.3", "roles.5"],
    );
    assert.deepEqual(
      unknownRoles(names, [], (place) => `users[${place}]`).map(({ field }) => field),
      ["users[1]", "users[3]", "users[4]", "users[5]"],
    );
    assert.deepEqual(
      [ADMIN, "reader", "other"].map((name) => isRole(name, ["reader"])),
      [true, true, false],
    );
  });

  it("change by what is added and what is removed", () => {
    assert.deepEqual(roleChange([ADMIN, AUDITOR], [AUDITOR, "x"]), { added: ["x"], removed: [ADMIN] });
    assert.deepEqual(roleChange([ADMIN, AUDITOR], [AUDITOR, ADMIN]), NOTHING);
  });
});

describe("a change of roles", () => {
  const admin = subjectWith(builtIn(ADMIN));
  const userAdmin = subjectWith(builtIn("organization-user-admin"));
  const give = (name: string) => ({ added: [name], removed: [] });
  const take = (name: string) => ({ added: [], removed: [name] });

  it("is for who may give and take each of the roles in this organization", () => {
    assert.equal(roleChangeProblem(admin, ORG, { added: [ADMIN], removed: [AUDITOR] }, []), undefined);
    assert.match(roleChangeProblem(admin, SECOND, give(AUDITOR), []) ?? "", /needs the right assign_org_role:assign$/);
    const beyond = `your own roles do not let you give or take ${ADMIN}`;
    for (const change of [give(ADMIN), take(ADMIN)])
      assert.equal(roleChangeProblem(userAdmin, ORG, change, []), beyond);
    assert.equal(roleChangeProblem(userAdmin, ORG, give("organization-member"), []), undefined);
    assert.match(roleChangeProblem(admin, ORG, give("made-up"), []) ?? "", / give or take made-up$/);
  });

  it("of roles that people have made is for who may give every role there", () => {
    for (const subject of [admin, subjectWith(builtIn("owner"))]) {
      for (const change of [give("reader"), take("reader")]) {
        assert.equal(roleChangeProblem(subject, ORG, change, ["reader"]), undefined);
      }
    }
    for (const change of [give("reader"), take("reader")]) {
      assert.match(roleChangeProblem(userAdmin, ORG, change, ["reader"]) ?? "", / give or take reader$/);
    }
  });

  it("that takes what is no role any more is for who may take roles at all", () => {
    assert.equal(roleChangeProblem(userAdmin, ORG, take("gone"), []), undefined);
    assert.match(roleChangeProblem(userAdmin, ORG, { added: [], removed: ["gone", ADMIN] }, []) ?? "", / take [^,]+$/);
    const auditor = subjectWith(builtIn(AUDITOR));
    assert.match(roleChangeProblem(auditor, ORG, take("gone"), []) ?? "", /assign_org_role:unassign$/);
  });

  it("that changes nothing still needs the right to give roles", () => {
    assert.equal(roleChangeProblem(userAdmin, ORG, NOTHING, []), undefined);
    assert.notEqual(roleChangeProblem(subjectWith(builtIn(AUDITOR)), ORG, NOTHING, []), undefined);
  });

  it("goes no further than the token does", () => {
    const scope = readScope({ scopes: ["assign_org_role:assign"], allowList: ["*:*"] });
    const limited = { ...admin, scope };
    assert.equal(roleChangeProblem(limited, ORG, give(AUDITOR), []), undefined);
    assert.match(roleChangeProblem(limited, ORG, take(AUDITOR), []) ?? "", /needs the right assign_org_role:unassign$/);
  });

  it("can be of the roles that are said to be assignable", () => {
    const row = { id: "", name: "reader", display_name: "", organization_id: ORG, permissions: [] };
    const names = (subject: typeof admin) =>
      assignableRoles(subject, ORG, [row])
        .filter(({ assignable }) => assignable)
        .map(({ name }) => name);
    assert.deepEqual(names(admin), [...ORGANIZATION_ROLES, "reader"]);
    assert.deepEqual(names(userAdmin), []);
  });
});
