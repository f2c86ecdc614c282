import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Action, can, mayKnowOf, type Resource, type ResourceType, type Subject, scopeOf } from "./access.ts";

const membership = { id: "org", name: "org", isDefault: false, roles: [] };
const member: Subject = { userId: "me", username: "me", siteRoles: [], memberships: [membership] };
const stranger: Subject = { ...member, userId: "stranger", memberships: [] };
const owner: Subject = { ...stranger, userId: "owner", siteRoles: ["owner"] };

const ACTIONS: readonly Action[] = ["create", "read", "update", "delete", "start", "stop"];
const TYPES: readonly ResourceType[] = [
  "workspace",
  "template",
  "organization",
  "user",
  "api_key",
  "deployment_config",
];

const cases: readonly { name: string; subject: Subject; resource: Resource; allowed: readonly Action[] }[] = [
  {
    name: "a member does everything with workspaces of their own",
    subject: member,
    resource: { type: "workspace", organizationId: "org", ownerId: "me" },
    allowed: ACTIONS,
  },
  {
    name: "a member does nothing with the workspaces of others",
    subject: member,
    resource: { type: "workspace", organizationId: "org", ownerId: "other" },
    allowed: [],
  },
  {
    name: "who has left the organization does nothing with workspaces left behind there",
    subject: { ...member, memberships: [] },
    resource: { type: "workspace", organizationId: "org", ownerId: "me" },
    allowed: [],
  },
  {
    name: "a member only reads the templates of their organization",
    subject: member,
    resource: { type: "template", organizationId: "org" },
    allowed: ["read"],
  },
  {
    name: "a stranger does not even read a template",
    subject: stranger,
    resource: { type: "template", organizationId: "org" },
    allowed: [],
  },
  {
    name: "a member only reads their organization",
    subject: member,
    resource: { type: "organization", id: "org", organizationId: "org" },
    allowed: ["read"],
  },
  {
    name: "users only read themselves",
    subject: member,
    resource: { type: "user", id: "me", ownerId: "me" },
    allowed: ["read"],
  },
  {
    name: "users do not see one another",
    subject: member,
    resource: { type: "user", id: "other", ownerId: "other" },
    allowed: [],
  },
  {
    name: "users manage the tokens of their own",
    subject: member,
    resource: { type: "api_key", ownerId: "me" },
    allowed: ACTIONS,
  },
  {
    name: "users do nothing with the tokens of others",
    subject: member,
    resource: { type: "api_key", ownerId: "other" },
    allowed: [],
  },
  {
    name: "a member does nothing with the deployment's configuration",
    subject: member,
    resource: { type: "deployment_config" },
    allowed: [],
  },
];

describe("can", () => {
  for (const { name, subject, resource, allowed } of cases) {
    test(name, () => {
      assert.deepEqual(
        ACTIONS.filter((action) => can(subject, action, resource)),
        allowed,
      );
    });
  }

  test("the site owner may do everything to everything", () => {
    for (const type of TYPES) {
      for (const action of ACTIONS) assert.ok(can(owner, action, { type, organizationId: "org", ownerId: "me" }));
    }
  });

  test("a resource without organization or owner never matches a subject by accident", () => {
    for (const type of TYPES) {
      for (const action of ACTIONS) assert.ok(!can(member, action, { type }));
    }
  });
});

test("a denial admits that a thing exists only to who may read it", () => {
  assert.ok(mayKnowOf(member, { type: "template", organizationId: "org" }));
  assert.ok(!mayKnowOf(member, { type: "workspace", organizationId: "org", ownerId: "other" }));
  assert.ok(mayKnowOf(member, { type: "deployment_config" }));
});

test("a list shows everything to the site owner only, and to others what is theirs and their organizations'", () => {
  assert.deepEqual(scopeOf(owner), { everything: true, userId: "owner", organizationIds: [] });
  assert.deepEqual(scopeOf(member), { everything: false, userId: "me", organizationIds: ["org"] });
});
