import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { can, type Resource } from "./decide.ts";
import { type Case, decide, mine, outside, theirs } from "./decisions.fixture.ts";
import { actionsOf, RESOURCE_TYPES } from "./policy.ts";
import { FOREIGN, ME, ORG, role, SECOND, SOMEONE, subjectWith } from "./subject.fixture.ts";

const orgAndMember = role({ org: "-workspace:share", member: "+workspace:share" });

describe("the votes of roles", () => {
  const cases: readonly Case[] = [
    {
      name: "DEC-01: what is allowed for the deployment is allowed in every organization",
      roles: [role({ site: "+workspace:read" })],
      action: "read",
      on: { ...theirs, organizationId: FOREIGN },
      allowed: true,
    },
    {
      name: "DEC-02: an organization does not allow what the deployment denies",
      roles: [role({ site: "-workspace:share" }), role({ org: "+workspace:share" })],
      action: "share",
      on: theirs,
      allowed: false,
    },
    {
      name: "an organization does not deny what the deployment allows",
      roles: [role({ site: "+workspace:share" }), role({ org: "-workspace:share" })],
      action: "share",
      on: theirs,
      allowed: true,
    },
    {
      name: "DEC-04: of two roles in an organization the one that denies wins",
      roles: [role({ org: "+workspace:share" }), role({ org: "-workspace:share" })],
      action: "share",
      on: theirs,
      allowed: false,
    },
    {
      name: "DEC-05: owners are not allowed what their organization denies",
      roles: [orgAndMember],
      action: "share",
      on: mine,
      allowed: false,
    },
    {
      name: "owners are allowed what members may do with what is theirs",
      roles: [role({ member: "+workspace:read" })],
      action: "read",
      on: mine,
      allowed: true,
    },
    {
      name: "DEC-07: what members may do with what is theirs they may not do with what is another's",
      roles: [role({ member: "+workspace:read" })],
      action: "read",
      on: theirs,
      allowed: false,
    },
    {
      name: "DEC-08: the user level says nothing of things in an organization",
      roles: [role({ user: "+workspace:read" })],
      action: "read",
      on: mine,
      allowed: false,
    },
    {
      name: "the user level allows what belongs to the subject and to no organization",
      roles: [role({ user: "+workspace:read" })],
      action: "read",
      on: outside,
      allowed: true,
    },
    {
      name: "the user level says nothing of what is another's",
      roles: [role({ user: "+workspace:read" })],
      action: "read",
      on: { ...outside, ownerId: SOMEONE },
      allowed: false,
    },
    {
      name: "a denial in an organization does not stop what belongs to no organization",
      roles: [role({ user: "+workspace:read", org: "-workspace:read" })],
      action: "read",
      on: outside,
      allowed: true,
    },
    {
      name: "what a role says of one organization does not count in another",
      roles: [role({ org: "+workspace:*", member: "+workspace:*" }, SECOND)],
      action: "read",
      on: mine,
      allowed: false,
    },
    {
      name: "what a role says of an organization does not count for who is not a member there",
      roles: [role({ org: "+workspace:*", member: "+workspace:*" }, FOREIGN)],
      action: "read",
      on: { ...mine, organizationId: FOREIGN },
      allowed: false,
    },
    {
      name: "within a list a denial wins, also over a later and a wider grant",
      roles: [role({ org: "-workspace:share +workspace:share +*:*" })],
      action: "share",
      on: theirs,
      allowed: false,
    },
    {
      name: "a wider denial wins over a grant",
      roles: [role({ org: "+workspace:share -workspace:*" })],
      action: "share",
      on: theirs,
      allowed: false,
    },
    {
      name: "a thing without an owner is not the subject's own",
      roles: [role({ member: "+group:*", user: "+group:*" })],
      action: "read",
      on: { type: "group", organizationId: ORG },
      allowed: false,
    },
    { name: "DEC-16: no roles allow nothing", roles: [], action: "read", on: mine, allowed: false },
  ];
  for (const one of cases) test(one.name, () => assert.equal(decide(one), one.allowed));

  for (const granted of ["+workspace:stop", "+workspace:*", "+*:stop", "+*:*"]) {
    test(`${granted} allows stopping a workspace`, () => {
      assert.ok(can(subjectWith([role({ site: granted })]), "stop", theirs));
    });
  }

  for (const granted of ["+workspace:start", "+template:*", "+*:start", "+workspace_dormant:*", "+spaceship:*"]) {
    test(`${granted} does not allow stopping a workspace`, () => {
      assert.ok(!can(subjectWith([role({ site: granted })]), "stop", theirs));
    });
  }

  test("what cannot be done to a type of thing is allowed to nobody", () => {
    const all = subjectWith([role({ site: "+*:*" })]);
    const actions = new Set(RESOURCE_TYPES.flatMap((type) => actionsOf(type) ?? []));
    for (const type of RESOURCE_TYPES) {
      for (const action of actions) assert.equal(can(all, action, { type }), actionsOf(type)?.includes(action));
    }
  });

  test("whatever the four levels say, the first of them that says something decides, from the widest to the narrowest", () => {
    const said = { "": 0, "+workspace:read": 1, "-workspace:read": -1, "+workspace:read -workspace:read": -1 } as const;
    const words = Object.keys(said) as (keyof typeof said)[];
    for (const site of words) {
      for (const org of words) {
        for (const member of words) {
          for (const user of words) {
            for (const on of [mine, theirs, outside, { ...mine, organizationId: SECOND }]) {
              const own = on.ownerId === ME;
              const here = on.organizationId === ORG;
              const votes = {
                site: said[site],
                org: here ? said[org] : 0,
                member: here && own ? said[member] : 0,
                user: own && on.organizationId === undefined ? said[user] : 0,
              };
              const expected =
                votes.site === 1 ||
                (votes.site !== -1 &&
                  (votes.user === 1 || votes.org === 1 || (votes.org !== -1 && votes.member === 1)));
              const question = JSON.stringify({ site, org, member, user, on });
              assert.equal(can(subjectWith([role({ site, org, member, user })]), "read", on), expected, question);
            }
          }
        }
      }
    }
  });
});

describe("the question whether it may be done in any organization", () => {
  const anywhere: Resource = { type: "workspace", anyOrganization: true };
  const cases: readonly Case[] = [
    {
      name: "is answered yes when one organization allows it",
      roles: [role({ org: "-workspace:create" }), role({ org: "+workspace:create" }, SECOND)],
      action: "create",
      on: anywhere,
      allowed: true,
    },
    {
      name: "is answered yes when one organization allows it to owners and the subject is to be the owner",
      roles: [orgAndMember, role({ member: "+workspace:share" }, SECOND)],
      action: "share",
      on: { ...anywhere, ownerId: ME },
      allowed: true,
    },
    {
      name: "is answered no when organizations allow it to owners only and the subject is not to be the owner",
      roles: [role({ member: "+workspace:create" })],
      action: "create",
      on: { ...anywhere, ownerId: SOMEONE },
      allowed: false,
    },
    {
      name: "is answered no when the only organization that says something denies it",
      roles: [role({ org: "-workspace:create", member: "+workspace:create" })],
      action: "create",
      on: { ...anywhere, ownerId: ME },
      allowed: false,
      subject: { memberships: [{ id: ORG, name: "org", isDefault: true }] },
    },
    {
      name: "is answered no when the deployment denies it",
      roles: [role({ site: "-workspace:create", org: "+workspace:create" })],
      action: "create",
      on: anywhere,
      allowed: false,
    },
    {
      name: "is answered yes when the deployment allows it, without any organization",
      roles: [role({ site: "+workspace:create" })],
      action: "create",
      on: anywhere,
      allowed: true,
      subject: { memberships: [] },
    },
    {
      name: "is answered no to who is in none, whatever the roles",
      roles: [role({ org: "+workspace:create", member: "+workspace:create", user: "+workspace:create" })],
      action: "create",
      on: { ...anywhere, ownerId: ME },
      allowed: false,
      subject: { memberships: [] },
    },
  ];
  for (const one of cases) test(one.name, () => assert.equal(decide(one), one.allowed));
});
