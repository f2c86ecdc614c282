import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Resource } from "./decide.ts";
import { type Case, decide, outside, scoped, theirs } from "./decisions.fixture.ts";
import { FOREIGN, ME, ORG, role, SECOND, SOMEONE } from "./subject.fixture.ts";

describe("access lists", () => {
  const GROUP = "20000000-0000-4000-8000-000000000001";
  const inGroup = { groupIds: [GROUP] };
  const shared = (on: Partial<Resource>): Resource => ({ ...theirs, ...on });
  const cases: readonly Case[] = [
    {
      name: "DEC-10: what a user list gives is allowed without any role",
      roles: [],
      action: "read",
      on: shared({ userAcl: { [ME]: ["read"] } }),
      allowed: true,
    },
    {
      name: "DEC-11: what a user list gives is allowed although an organization denies it",
      roles: [role({ org: "-workspace:read" })],
      action: "read",
      on: shared({ userAcl: { [ME]: ["read"] } }),
      allowed: true,
    },
    {
      name: "what a group list gives is allowed although the deployment denies it",
      roles: [role({ site: "-workspace:read" })],
      action: "read",
      on: shared({ groupAcl: { [GROUP]: ["read"] } }),
      allowed: true,
      subject: inGroup,
    },
    {
      name: "a user list counts also for who is not in the thing's organization",
      roles: [],
      action: "read",
      on: shared({ organizationId: FOREIGN, userAcl: { [ME]: ["read"] } }),
      allowed: true,
    },
    {
      name: "a user list gives only the actions that it names",
      roles: [],
      action: "update",
      on: shared({ userAcl: { [ME]: ["read", "ssh"] } }),
      allowed: false,
    },
    {
      name: "a user list gives nothing to others",
      roles: [],
      action: "read",
      on: shared({ userAcl: { [SOMEONE]: ["read"] } }),
      allowed: false,
    },
    {
      name: "a group list gives nothing to who is not in the group",
      roles: [],
      action: "read",
      on: shared({ groupAcl: { [GROUP]: ["read"] } }),
      allowed: false,
    },
    {
      name: "a group list gives nothing to who is in the group and not in the thing's organization",
      roles: [],
      action: "read",
      on: shared({ organizationId: FOREIGN, groupAcl: { [GROUP]: ["read"] } }),
      allowed: false,
      subject: inGroup,
    },
    {
      name: "DEC-13: what the Everyone group has, every member of the organization has",
      roles: [],
      action: "read",
      on: shared({ groupAcl: { [ORG]: ["read"] } }),
      allowed: true,
    },
    {
      name: "what the Everyone group of the thing's organization has, strangers have not",
      roles: [],
      action: "read",
      on: shared({ organizationId: FOREIGN, groupAcl: { [FOREIGN]: ["read"] } }),
      allowed: false,
    },
    {
      name: "what the Everyone group of another organization has, is not given to its members",
      roles: [],
      action: "read",
      on: shared({ groupAcl: { [SECOND]: ["read"] } }),
      allowed: false,
    },
    {
      name: "group lists give nothing of a thing that is in no organization",
      roles: [],
      action: "read",
      on: { ...outside, ownerId: SOMEONE, groupAcl: { [GROUP]: ["read"] } },
      allowed: false,
      subject: inGroup,
    },
    {
      name: "what is shared is not allowed through a token that is for something else",
      roles: [],
      action: "read",
      on: shared({ userAcl: { [ME]: ["read"] } }),
      allowed: false,
      subject: scoped(["template:read"]),
    },
  ];
  test("where nobody may share workspaces, those that are shared are not, and other things are", () => {
    const lists = { userAcl: { [ME]: ["read"] }, groupAcl: { [ORG]: ["read"] } } satisfies Partial<Resource>;
    for (const [workspaceSharingDisabled, allowed] of [
      [false, [true, true, true]],
      [true, [false, false, true]],
    ] as const) {
      const decisions = (["workspace", "workspace_dormant", "template"] as const).map((type) => {
        const on = shared({ type, ...lists });
        return decide({
          name: type,
          roles: [],
          action: "read",
          on,
          allowed: true,
          subject: { workspaceSharingDisabled },
        });
      });
      assert.deepEqual(decisions, allowed);
    }
  });

  for (const one of cases) test(one.name, () => assert.equal(decide(one), one.allowed));
});
