import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { can, type Resource } from "../rbac/decide.ts";
import { POLICY } from "../rbac/policy.ts";
import { ME, ORG, SOMEONE, subjectWith } from "../rbac/subject.fixture.ts";
import { accessList, SHARED_ROLES, type SharedRole } from "./access.ts";
import { workspaceResource } from "./rights.ts";

const NOBODY = subjectWith([]);

function sharedAs(role: string, dormant = false): Resource {
  const id = "00000000-0000-4000-8000-0000000000f1";
  const user_acl = { [ME]: role as SharedRole };
  return workspaceResource({ id, owner_id: SOMEONE, organization_id: ORG, dormant, user_acl, group_acl: {} });
}

const allowed = (workspace: Resource) => POLICY.workspace.filter((action) => can(NOBODY, action, workspace));

describe("who has a workspace shared with them", () => {
  for (const [role, awake, dormant] of [
    ["use", "read start stop ssh application_connect", "read stop"],
    [
      "admin",
      "read update start stop ssh application_connect create_agent delete_agent update_agent share",
      "read update stop create_agent delete_agent update_agent",
    ],
    ["owner", "", ""],
    ["toString", "", ""],
  ] as const) {
    const words = (text: string) => text.split(" ").filter(Boolean);
    test(`as ${role} may ${awake || "do nothing"}; while it is dormant ${dormant || "nothing"}`, () => {
      assert.deepEqual(allowed(sharedAs(role)), words(awake));
      assert.deepEqual(allowed(sharedAs(role, true)), words(dormant));
    });
  }

  test("may do nothing where their role is no text, even if it is written like one", () => {
    for (const role of [["use"], null, 1, true, { use: "use" }]) {
      assert.deepEqual(allowed(sharedAs(role as unknown as string)), [], JSON.stringify(role));
    }
  });

  test("may read it in any case, for lists show what is shared in any role", () => {
    for (const role of SHARED_ROLES) {
      for (const type of ["workspace", "workspace_dormant"] as const) {
        assert.ok(accessList({ [ME]: role }, type)[ME]?.includes("read"), `${role} ${type}`);
      }
    }
  });
});
