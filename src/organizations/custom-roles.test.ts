import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ORGANIZATION_ROLES, organizationRoles, SITE_ROLES } from "../rbac/roles.ts";
import { readScope } from "../rbac/scope.ts";
import { builtIn, FOREIGN, ORG, permissions, SECOND, STORED_MEMBER, subjectWith } from "../rbac/subject.fixture.ts";
import { customRoleBody, notHeld, readWanted, reservedNameProblems } from "./custom-roles.ts";

const good = { name: "reader", organization_permissions: [{ resource_type: "workspace", action: "read" }] };
const fieldsOf = (body: object): string[] =>
  customRoleBody.safeParse(body).error?.issues.map(({ path }) => path.join(".")) ?? [];

describe("what people say of a role", () => {
  it("has a name in lower case, and nothing beyond the organization", () => {
    const rest = { site_permissions: [], user_permissions: null };
    const { name, display_name, organization_permissions } = customRoleBody.parse({
      ...good,
      name: "Reader-2",
      ...rest,
    });
    assert.deepEqual([name, display_name], ["reader-2", ""]);
    assert.deepEqual(organization_permissions, permissions("+workspace:read"));
  });

  for (const [field, body] of [
    ["name", { ...good, name: "" }],
    ["name", { ...good, name: "x".repeat(65) }],
    ["name", { ...good, name: "-reader" }],
    ["name", { ...good, name: "two words" }],
    ["name", { ...good, name: 7 }],
    ["name", { organization_permissions: [] }],
    ["organization_permissions", { name: "reader" }],
    ["organization_permissions", { ...good, organization_permissions: "workspace:read" }],
    [
      "organization_permissions",
      { ...good, organization_permissions: Array(501).fill(good.organization_permissions[0]) },
    ],
    ["organization_permissions.0", { ...good, organization_permissions: ["workspace:read"] }],
    ["organization_permissions.0.action", { ...good, organization_permissions: [{ resource_type: "workspace" }] }],
    [
      "organization_permissions.0.negate",
      { ...good, organization_permissions: [{ ...good.organization_permissions[0], negate: true }] },
    ],
    [
      "organization_permissions.0",
      { ...good, organization_permissions: [{ ...good.organization_permissions[0], id: "x" }] },
    ],
    ["display_name", { ...good, display_name: "x".repeat(65) }],
    ["site_permissions", { ...good, site_permissions: good.organization_permissions }],
    ["user_permissions", { ...good, user_permissions: good.organization_permissions }],
    ["organization_member_permissions", { ...good, organization_member_permissions: good.organization_permissions }],
    ["", { ...good, is_system: true }],
  ] as const) {
    it(`is refused for ${field || "the field is_system"}: ${JSON.stringify(body).slice(0, 70)}`, () => {
      assert.deepEqual(fieldsOf(body), [field]);
    });
  }

  it("may be as long as it can be", () => {
    const many = Array(500).fill(good.organization_permissions[0]);
    const body = { name: "x".repeat(64), display_name: "x".repeat(64), organization_permissions: many };
    assert.deepEqual(fieldsOf(body), []);
  });
});

describe("the names of roles that are there anyway", () => {
  it("are reserved", () => {
    const others = ["member", "organization-member", "organization-service-account"];
    for (const name of [...others, ...SITE_ROLES, ...ORGANIZATION_ROLES]) {
      assert.deepEqual(
        reservedNameProblems(name, "make").map(({ field }) => field),
        ["name"],
        name,
      );
    }
    for (const name of ["reader", "organization", "owners", "constructor"]) {
      assert.deepEqual(reservedNameProblems(name, "make"), []);
    }
  });
});

describe("what a role is to grant", () => {
  it("is each permission once, of those that there are, by its name", () => {
    const wanted = permissions("+workspace:read +template:read +workspace:read");
    assert.deepEqual(readWanted(wanted, []), {
      permissions: permissions("+workspace:read +template:read"),
      problems: [],
    });
    const wrong = permissions("+workspace:fly +workspace:read +spaceship:read +workspace:* +*:read +*:*");
    const { problems } = readWanted(wrong, []);
    assert.deepEqual(
      problems.map(({ field }) => field),
      [0, 2, 3, 4, 5].map((place) => `organization_permissions.${place}`),
    );
    assert.match(problems[0]?.detail ?? "", /^workspace has no action "fly"; it has create, read,/);
    assert.equal(problems[1]?.detail, 'there is no resource type "spaceship"');
    assert.match(problems[2]?.detail ?? "", /^is workspace:\*: .* list them instead of \*$/);
  });

  it("is without what there is no longer, if the role has it; other unknown things are named with their places", () => {
    const stored = permissions("+spaceship:read +workspace:fly +workspace:read");
    assert.deepEqual(readWanted(permissions("+spaceship:read +workspace:fly +template:read"), stored), {
      permissions: permissions("+template:read"),
      problems: [],
    });
    const { problems } = readWanted(permissions("+spaceship:read +spaceship:dock +workspace:read"), stored);
    assert.deepEqual(
      problems.map(({ field }) => field),
      ["organization_permissions.1"],
    );
  });
});

describe("what a subject does not hold", () => {
  const wanted = permissions("+workspace:read +workspace:ssh +template:read +assign_role:assign");
  const held = (subject: ReturnType<typeof subjectWith>, organizationId = ORG) =>
    notHeld(subject, organizationId, wanted);

  it("follows from its roles in the organization", () => {
    assert.deepEqual(held(subjectWith(builtIn("owner"))), []);
    assert.deepEqual(held(subjectWith(builtIn("organization-admin"))), ["workspace:ssh", "assign_role:assign"]);
    assert.equal(held(subjectWith(builtIn("organization-admin")), SECOND).length, wanted.length);
    assert.equal(held(subjectWith(builtIn("organization-admin", FOREIGN)), FOREIGN).length, wanted.length);
    const banned = subjectWith([...builtIn("organization-admin"), ...builtIn("organization-workspace-creation-ban")]);
    assert.deepEqual(notHeld(banned, ORG, permissions("+workspace:create +workspace:read")), ["workspace:create"]);
  });

  it("is what it may do to its own things only", () => {
    const member = subjectWith(organizationRoles(ORG, [], [STORED_MEMBER]));
    assert.deepEqual(held(member), ["workspace:read", "workspace:ssh", "template:read", "assign_role:assign"]);
    assert.deepEqual(notHeld(member, ORG, permissions("+group:read")), []);
  });

  it("is what its token does not reach", () => {
    const owner = subjectWith(builtIn("owner"));
    const limited = (scopes: string[], allowList: string[]) => ({ ...owner, scope: readScope({ scopes, allowList }) });
    assert.deepEqual(held(limited(["workspace:*"], ["*:*"])), ["template:read", "assign_role:assign"]);
    assert.deepEqual(held(limited(["all"], ["workspace:*"])), ["template:read", "assign_role:assign"]);
    assert.equal(held(limited(["all"], [`workspace:${ORG}`])).length, wanted.length);
  });
});
