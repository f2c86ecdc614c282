import assert from "node:assert/strict";
import { test } from "node:test";
import { ME, SOMEONE } from "../rbac/subject.fixture.ts";
import type { AccessRoles } from "./access.ts";
import { aclBody, aclProblems, changedLists, granteesIn, readChanges } from "./acl.ts";

const OWNER = "00000000-0000-4000-8000-000000000003";
const idOf = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
const many = (count: number): AccessRoles =>
  Object.fromEntries(Array.from({ length: count }, (_, number) => [idOf(number), "use" as const]));
const ofAll = (ids: Iterable<string>) => ({ ownerId: OWNER, members: new Set(ids), groups: new Set(ids) });

test("a role is given, changed and taken away, whatever case its id is written in, and all others stay", () => {
  const before = { users: { [SOMEONE]: "use", [ME]: "admin" }, groups: { [OWNER]: "use" } } as const;
  const changes = readChanges({ user_roles: { [ME.toUpperCase()]: "", [SOMEONE]: "admin", [OWNER]: "" } });
  assert.deepEqual(granteesIn(changes), { users: [SOMEONE], groups: [] });
  assert.deepEqual(changedLists(before, changes), { users: { [SOMEONE]: "admin" }, groups: { [OWNER]: "use" } });
});

test("equal lists are equal texts, in whatever order their entries came", () => {
  const [one, other] = [
    { [ME]: "use", [SOMEONE]: "admin" },
    { [SOMEONE]: "admin", [ME]: "use" },
  ] as const;
  const lists = [one, other].map((users) => changedLists({ users: {}, groups: {} }, { users, groups: users }));
  assert.equal(JSON.stringify(lists[0]), JSON.stringify(lists[1]));
});

test("who is no member, who is the owner, and what is no group of the organization are named one by one", () => {
  const named = { users: [ME, SOMEONE, OWNER], groups: [ME, SOMEONE] };
  const lists = { users: {}, groups: {} };
  assert.deepEqual(
    aclProblems(named, lists, { ownerId: OWNER, members: new Set([ME, OWNER]), groups: new Set([ME]) }),
    [
      { field: `user_roles.${SOMEONE}`, detail: "is no member of the workspace's organization" },
      { field: `user_roles.${OWNER}`, detail: "is the workspace's owner, who may do everything with it" },
      { field: `group_roles.${SOMEONE}`, detail: "is no group of the workspace's organization" },
    ],
  );
});

test("a list holds 500 entries, and neither a request nor what is there already makes it longer", () => {
  const nobody = { users: [], groups: [] };
  const fields = (users: number, groups: number) =>
    aclProblems(nobody, { users: many(users), groups: many(groups) }, ofAll([])).map(({ field }) => field);
  assert.deepEqual(fields(500, 500), []);
  assert.deepEqual(fields(501, 500), ["user_roles"]);
  assert.deepEqual(fields(500, 501), ["group_roles"]);
  assert.equal(aclBody.safeParse({ user_roles: many(500), group_roles: many(500) }).success, true);
  assert.equal(aclBody.safeParse({ user_roles: many(501) }).success, false);
  assert.equal(aclBody.safeParse({ group_roles: many(501) }).success, false);
});
