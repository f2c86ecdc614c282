import assert from "node:assert/strict";
import { test } from "node:test";
import { can } from "./decide.ts";
import { UNLIMITED } from "./scope.ts";
import { ME, ORG, permissions, SECOND, SOMEONE, STORED_MEMBER } from "./subject.fixture.ts";
import { type StoredSubject, subjectFrom } from "./subject.ts";

const stored: StoredSubject = {
  userId: ME,
  username: "me",
  siteRoles: ["auditor", "gone"],
  memberships: [
    { id: ORG, name: "org", isDefault: true, roles: ["organization-template-admin", "gone"], stored: [STORED_MEMBER] },
    { id: SECOND, name: "second", isDefault: false, roles: [], stored: [STORED_MEMBER] },
  ],
  groupIds: ["group"],
  scope: UNLIMITED,
};

test("a subject holds its roles and those that nobody is given, in every organization that it is a member of", () => {
  assert.deepEqual(
    subjectFrom(stored, false).roles.map(({ name, within }) => [name, within?.organizationId]),
    [
      ["member", undefined],
      ["auditor", undefined],
      ["organization-member", ORG],
      ["organization-template-admin", ORG],
      ["organization-member", SECOND],
    ],
  );
});

test("a subject is known by what the database says of it", () => {
  const { userId, username, memberships, groupIds } = subjectFrom(stored, false);
  assert.deepEqual({ userId, username, groupIds }, { userId: ME, username: "me", groupIds: ["group"] });
  assert.deepEqual(memberships, [
    { id: ORG, name: "org", isDefault: true },
    { id: SECOND, name: "second", isDefault: false },
  ]);
});

test("a subject does with its own what a member may, and in its organizations what its roles say", () => {
  const subject = subjectFrom(stored, false);
  const workspace = { type: "workspace", id: "workspace", ownerId: ME } as const;
  assert.ok(can(subject, "start", { ...workspace, organizationId: SECOND }));
  assert.ok(can(subject, "read", { ...workspace, organizationId: ORG, ownerId: SOMEONE }));
  assert.ok(!can(subject, "read", { ...workspace, organizationId: SECOND, ownerId: SOMEONE }));
});

test("a subject does only what its token is for", () => {
  const subject = subjectFrom({ ...stored, scope: { scopes: ["workspace:read"], allowList: ["*:*"] } }, false);
  const workspace = { type: "workspace", id: "workspace", organizationId: ORG, ownerId: ME } as const;
  assert.ok(can(subject, "read", workspace));
  assert.ok(!can(subject, "start", workspace));
});

test("a member may do nothing where the system role is not stored, or is still empty", () => {
  const own = { type: "workspace", id: "workspace", organizationId: ORG, ownerId: ME } as const;
  const memberships = (...role: StoredSubject["memberships"][number]["stored"]) => [
    { id: ORG, name: "org", isDefault: true, roles: [], stored: role },
  ];
  const empty = { ...STORED_MEMBER, org: [], member: [] };
  assert.ok(can(subjectFrom({ ...stored, memberships: memberships(STORED_MEMBER) }, false), "update", own));
  assert.ok(!can(subjectFrom({ ...stored, memberships: memberships() }, false), "update", own));
  assert.ok(!can(subjectFrom({ ...stored, memberships: memberships(empty) }, false), "update", own));
});

test("a role that people have made grants its holders what is theirs to give: things of its organization", () => {
  const made = {
    name: "runner",
    isSystem: false,
    org: permissions("+workspace:start"),
    member: permissions("+file:read"),
  };
  const builtIn = { ...made, name: "organization-auditor", org: permissions("+workspace:delete") };
  const other = { ...made, name: "other", org: permissions("+workspace:stop") };
  const roles = ["runner", "organization-auditor"];
  const memberships = [{ id: ORG, name: "org", isDefault: true, roles, stored: [made, builtIn, other] }];
  const subject = subjectFrom({ ...stored, siteRoles: [], memberships }, false);
  const workspace = { type: "workspace", organizationId: ORG, ownerId: SOMEONE } as const;
  assert.ok(can(subject, "start", workspace));
  assert.ok(!can(subject, "start", { ...workspace, organizationId: SECOND }));
  assert.ok(!can(subject, "read", { type: "file", organizationId: ORG, ownerId: ME }), "the other levels do not count");
  assert.ok(!can(subject, "delete", workspace), "a built-in role is what the code says, whatever is stored");
  assert.ok(!can(subject, "stop", workspace), "a role counts for those who have been given it");
});

test("the switch of the whole deployment keeps everybody from sharing, the site owner too", () => {
  const workspace = { type: "workspace", organizationId: ORG, ownerId: ME } as const;
  for (const siteRoles of [[], ["owner"]]) {
    assert.ok(can(subjectFrom({ ...stored, siteRoles }, false), "share", workspace));
    assert.ok(!can(subjectFrom({ ...stored, siteRoles }, true), "share", workspace));
    assert.ok(can(subjectFrom({ ...stored, siteRoles }, true), "update", workspace));
  }
  const shared = { ...workspace, ownerId: SOMEONE, organizationId: SECOND, userAcl: { [ME]: ["read"] } } as const;
  assert.ok(can(subjectFrom({ ...stored, siteRoles: [] }, false), "read", shared));
  assert.ok(
    !can(subjectFrom({ ...stored, siteRoles: [] }, true), "read", shared),
    "what is shared already counts no more",
  );
});
