import assert from "node:assert/strict";
import { test } from "node:test";
import { can } from "./decide.ts";
import { UNLIMITED } from "./scope.ts";
import { ME, ORG, SECOND, SOMEONE } from "./subject.fixture.ts";
import { type StoredSubject, subjectFrom } from "./subject.ts";

const stored: StoredSubject = {
  userId: ME,
  username: "me",
  siteRoles: ["auditor", "gone"],
  memberships: [
    { id: ORG, name: "org", isDefault: true, roles: ["organization-template-admin", "gone"] },
    { id: SECOND, name: "second", isDefault: false, roles: [] },
  ],
  groupIds: ["group"],
  scope: UNLIMITED,
};

test("a subject holds its roles and those that nobody is given, in every organization that it is a member of", () => {
  assert.deepEqual(
    subjectFrom(stored).roles.map(({ name, within }) => [name, within?.organizationId]),
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
  const { userId, username, memberships, groupIds } = subjectFrom(stored);
  assert.deepEqual({ userId, username, groupIds }, { userId: ME, username: "me", groupIds: ["group"] });
  assert.deepEqual(memberships, [
    { id: ORG, name: "org", isDefault: true },
    { id: SECOND, name: "second", isDefault: false },
  ]);
});

test("a subject does with its own what a member may, and in its organizations what its roles say", () => {
  const subject = subjectFrom(stored);
  const workspace = { type: "workspace", id: "workspace", ownerId: ME } as const;
  assert.ok(can(subject, "start", { ...workspace, organizationId: SECOND }));
  assert.ok(can(subject, "read", { ...workspace, organizationId: ORG, ownerId: SOMEONE }));
  assert.ok(!can(subject, "read", { ...workspace, organizationId: SECOND, ownerId: SOMEONE }));
});

test("a subject does only what its token is for", () => {
  const subject = subjectFrom({ ...stored, scope: { scopes: ["workspace:read"], allowList: ["*:*"] } });
  const workspace = { type: "workspace", id: "workspace", organizationId: ORG, ownerId: ME } as const;
  assert.ok(can(subject, "read", workspace));
  assert.ok(!can(subject, "start", workspace));
});
