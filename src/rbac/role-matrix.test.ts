import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { can, type Resource } from "./decide.ts";
import type { Action } from "./policy.ts";
import { builtIn, FOREIGN, ME, ORG, SECOND, SOMEONE, subjectWith } from "./subject.fixture.ts";

/** Who asks: roles without organization-member, so that each stands for itself. */
const HOLDERS = {
  owner: ["owner"],
  "user-admin": ["user-admin"],
  "template-admin": ["template-admin"],
  auditor: ["auditor"],
  member: ["member"],
  "org-admin": ["organization-admin"],
  "org-admin with ban": ["organization-admin", "organization-workspace-creation-ban"],
  "org-user-admin": ["organization-user-admin"],
  "org-template-admin": ["organization-template-admin"],
  "org-auditor": ["organization-auditor"],
  ban: ["organization-workspace-creation-ban"],
};
type Holder = keyof typeof HOLDERS;
const NAMES = Object.keys(HOLDERS) as Holder[];

/** What is asked about: something of the organization, or of none, owned by whom it may be owned. */
const OWNERS = [ME, SOMEONE];
const inOrganization = (type: Resource["type"]) =>
  OWNERS.map((ownerId): Resource => ({ type, id: "thing", organizationId: ORG, ownerId }));
const inNone = (type: Resource["type"]) => OWNERS.map((ownerId): Resource => ({ type, id: ownerId, ownerId }));
const THINGS = {
  workspace: inOrganization("workspace"),
  workspace_dormant: inOrganization("workspace_dormant"),
  prebuilt_workspace: inOrganization("prebuilt_workspace"),
  group: [{ type: "group", id: "group", organizationId: ORG }],
  user: inNone("user"),
  "new organization": [{ type: "organization" }],
  organization: [{ type: "organization", id: ORG, organizationId: ORG }],
  assign_org_role: [{ type: "assign_org_role", organizationId: ORG }],
} satisfies Readonly<Record<string, readonly Resource[]>>;

const ADMINS: readonly Holder[] = ["owner", "org-admin", "org-admin with ban"];
const PEOPLE: readonly Holder[] = [...ADMINS, "user-admin", "org-user-admin"];
const TEMPLATES: readonly Holder[] = ["template-admin", "org-template-admin"];
const AUDITORS: readonly Holder[] = ["auditor", "org-auditor"];

/** Who may do what; the rest may not. The ban concerns four actions on workspaces, and no other thing. */
const ROWS: readonly (readonly [thing: keyof typeof THINGS, actions: readonly Action[], allowed: readonly Holder[]])[] =
  [
    ["prebuilt_workspace", ["update", "delete"], [...ADMINS, ...TEMPLATES]],
    ["workspace", ["read"], [...ADMINS, ...TEMPLATES]],
    ["workspace", ["update"], ADMINS],
    ["workspace", ["create", "delete"], ["owner", "org-admin"]],
    ["workspace", ["start", "stop"], ADMINS],
    ["workspace", ["ssh", "application_connect"], ["owner"]],
    ["workspace", ["create_agent", "delete_agent"], ["owner", "org-admin"]],
    ["workspace", ["update_agent", "share"], ADMINS],
    ["workspace_dormant", ["read", "delete", "create", "update", "stop"], ADMINS],
    ["workspace_dormant", ["create_agent", "delete_agent", "update_agent"], ADMINS],
    ["workspace_dormant", ["start", "ssh", "application_connect", "share"], []],
    ["group", ["create", "update", "delete"], PEOPLE],
    ["group", ["read"], [...PEOPLE, ...TEMPLATES, ...AUDITORS]],
    ["user", ["create", "update", "delete"], ["owner", "user-admin"]],
    ["new organization", ["create"], ["owner"]],
    ["organization", ["update", "delete"], ADMINS],
    ["assign_org_role", ["assign", "unassign"], PEOPLE],
    ["assign_org_role", ["create", "update", "delete"], ADMINS],
  ];

/** Who may do this when roles of organizations are held in the given one. */
function allowed(action: Action, thing: Resource, organizationId: string): Holder[] {
  return NAMES.filter((name) => {
    const roles = HOLDERS[name].flatMap((one) => builtIn(one, organizationId));
    return can(subjectWith(roles), action, thing);
  });
}

const inOrder = (names: readonly Holder[]): Holder[] => NAMES.filter((name) => names.includes(name));
const isSiteRole = (name: Holder): boolean => !HOLDERS[name].some((role) => role.startsWith("organization-"));

describe("the matrix of roles", () => {
  for (const [thing, actions, expected] of ROWS) {
    for (const action of actions) {
      test(`${thing}: ${action} is for ${expected.join(", ") || "nobody"}`, () => {
        for (const one of THINGS[thing]) assert.deepEqual(allowed(action, one, ORG), inOrder(expected));
      });

      test(`${thing}: ${action} is for nobody whose roles are in another organization`, () => {
        for (const one of THINGS[thing]) {
          for (const other of [SECOND, FOREIGN]) {
            assert.deepEqual(allowed(action, one, other), inOrder(expected).filter(isSiteRole));
          }
        }
      });
    }
  }
});
