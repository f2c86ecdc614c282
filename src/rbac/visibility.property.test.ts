import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createRandom, type Random } from "../prebuilds/world-events.fixture.ts";
import { can, type Resource, type Role, type Subject } from "./decide.ts";
import type { Permission } from "./permission.ts";
import { type Action, ANY, RESOURCE_TYPES, type ResourceType } from "./policy.ts";
import { ORGANIZATION_ROLES, organizationRoles, SITE_ROLES, siteRoles } from "./roles.ts";
import { readScope } from "./scope.ts";
import { FOREIGN, ME, ORG, SECOND, SOMEONE, STORED_MEMBER, subjectWith } from "./subject.fixture.ts";
import { type Visibility, visibleTo } from "./visibility.ts";

/** Each subject has a seed of its own: this one plus its number. */
const SEED = Number(process.env["PREBUILDD_TEST_SEED"] ?? 20_250_602);
const SUBJECTS = 3_000;
const ORGANIZATIONS = [ORG, SECOND, FOREIGN];
const THINGS = [1, 2, 3].map((number) => `30000000-0000-4000-8000-00000000000${number}`);

const GROUPS = ["20000000-0000-4000-8000-000000000001", "20000000-0000-4000-8000-000000000002"];

type Place = Parameters<Parameters<typeof visibleTo>[1]>[0];
type Lists = Pick<Resource, "userAcl" | "groupAcl">;
type Kind = {
  readonly type: ResourceType;
  readonly of: (place: Place) => Resource;
  /** Whether each thing has lists of its own, which its place does not tell. */
  readonly isShared?: boolean;
};

/**
 * Things that are where they are, things that are shared one by one, things in no organization, and things that an
 * organization shares with Everyone.
 */
function kindsOf(type: ResourceType): Kind[] {
  return [
    { type, of: (place) => ({ type, ...place }) },
    { type, of: (place) => ({ type, ...place }), isShared: true },
    { type, of: ({ ownerId }) => ({ type, ownerId }) },
    {
      type,
      of: ({ organizationId, ownerId }) =>
        organizationId === undefined
          ? { type, ownerId }
          : { type, organizationId, ownerId, groupAcl: { [organizationId]: ["read", "update"] } },
    },
  ];
}

const pick = <T>(random: Random, list: readonly T[]): T => {
  const one = list[Math.floor(random() * list.length)];
  assert.ok(one !== undefined, "there is something to pick from");
  return one;
};
const some = <T>(random: Random, list: readonly T[], share: number): T[] => list.filter(() => random() < share);

/** A few grants and denials that mostly concern the type that is looked at. */
function randomPermissions(random: Random, type: ResourceType): Permission[] {
  return Array.from({ length: Math.floor(random() * 3) }, () => ({
    negate: random() < 0.3,
    resource_type: pick(random, [type, type, ANY, pick(random, RESOURCE_TYPES)]),
    action: pick(random, ["read", "read", "update", ANY]),
  }));
}

/** Built-in roles and made-up ones, some of them in organizations that the subject has left. */
function randomRoles(random: Random, type: ResourceType): Role[] {
  const builtIn = [
    ...siteRoles(some(random, SITE_ROLES, 0.1)),
    ...some(random, ORGANIZATIONS, 0.5).flatMap((id) =>
      organizationRoles(id, some(random, ORGANIZATION_ROLES, 0.2), [STORED_MEMBER]),
    ),
  ];
  const madeUp = some(random, ORGANIZATIONS, 0.4).map((organizationId): Role => {
    const list = (share: number) => (random() < share ? randomPermissions(random, type) : []);
    return {
      name: "made up",
      site: list(0.1),
      user: list(0.5),
      within: { organizationId, org: list(0.5), member: list(0.8) },
    };
  });
  return random() < 0.5 ? builtIn : random() < 0.5 ? madeUp : [...builtIn, ...madeUp];
}

/** Lists with and without the subject, its groups and its organizations. */
function randomLists(random: Random): Lists {
  const list = (ids: readonly string[]) =>
    Object.fromEntries(some(random, ids, 0.2).map((id) => [id, some(random, ["read", "update"] as const, 0.6)]));
  return { userAcl: list([ME, SOMEONE]), groupAcl: list([...GROUPS, ...ORGANIZATIONS]) };
}

function randomSubject(random: Random, type: ResourceType): Subject {
  const types = [type, type, ANY, pick(random, RESOURCE_TYPES)];
  const scopes = some(
    random,
    ["all", `${type}:*`, `${type}:read`, `${pick(random, RESOURCE_TYPES)}:*`, "all:all"],
    0.4,
  );
  const entries = THINGS.map((id) => `${pick(random, types)}:${pick(random, [id, id, id, ANY])}`);
  return subjectWith(randomRoles(random, type), {
    groupIds: some(random, GROUPS, 0.5),
    workspaceSharingDisabled: random() < 0.2,
    memberships: some(random, ORGANIZATIONS, 0.6).map((id) => ({ id, name: id, isDefault: id === ORG })),
    scope: readScope({
      scopes: random() < 0.5 ? ["all"] : scopes,
      allowList: random() < 0.5 ? ["*:*"] : some(random, [...entries, "unknown"], 0.5),
    }),
  });
}

/** What a statement does with the lists of a thing: an entry counts if it lets its holder do this. */
function selectsShared({ userId, shared }: Visibility, action: Action, thing: Resource): boolean {
  const { organizationId, userAcl, groupAcl } = thing;
  if (shared.withUser && userAcl?.[userId]?.includes(action)) return true;
  if (organizationId === undefined || !shared.groupsIn.includes(organizationId)) return false;
  return [organizationId, ...shared.withGroups].some((id) => groupAcl?.[id]?.includes(action));
}

/** What a statement does with a visibility: selects by organization, owner, lists and id. */
function selects(visible: Visibility, action: Action, thing: Resource): boolean {
  const { id, organizationId, ownerId } = thing;
  const isOwn = ownerId === visible.userId;
  const isThere =
    visible.everything ||
    (organizationId === undefined
      ? visible.own && isOwn
      : visible.organizationIds.includes(organizationId) || (isOwn && visible.ownIn.includes(organizationId)));
  const isSeen = isThere || selectsShared(visible, action, thing);
  return isSeen && (visible.ids === null || visible.ids.includes(id ?? ""));
}

/** What came up at all: a way to see things that no subject had proves nothing. */
const seen = new Map<string, number>();
const note = (word: string) => seen.set(word, (seen.get(word) ?? 0) + 1);

describe("visibleTo", () => {
  test("selects exactly the things that the subject may read or change, whatever the roles, token and things", () => {
    for (let number = 0; number < SUBJECTS; number += 1) {
      const random = createRandom(SEED + number);
      const { type, of, isShared = false } = pick(random, kindsOf(pick(random, RESOURCE_TYPES)));
      const subject = randomSubject(random, type);
      for (const action of ["read", "update"] satisfies Action[]) {
        const visible = visibleTo(subject, of, action);
        for (const organizationId of [...ORGANIZATIONS, undefined]) {
          for (const ownerId of [ME, SOMEONE]) {
            for (const id of THINGS) {
              const place = of(organizationId === undefined ? { ownerId } : { organizationId, ownerId });
              const thing = { ...place, id, ...(isShared ? randomLists(random) : {}) };
              const allowed = can(subject, action, thing);
              if (selects(visible, action, thing) !== allowed) {
                assert.fail(JSON.stringify({ seed: SEED + number, action, thing, allowed, visible, subject }, null, 2));
              }
              note(allowed ? "allowed" : "denied");
              if (allowed && isShared && !selects(visible, action, { ...place, id })) note("shared");
            }
          }
        }
        if (visible.everything) note("everything");
        else if (visible.organizationIds.length > 0) note("organizations");
        if (visible.ownIn.length > 0) note("own in organizations");
        if (visible.own && visible.ownIn.length === 0) note("own elsewhere");
        if (visible.ids !== null) note(visible.ids.length === 0 ? "no ids" : "ids");
      }
    }
    const ways = ["everything", "organizations", "own in organizations", "own elsewhere", "shared", "ids", "no ids"];
    for (const word of ["allowed", "denied", ...ways]) assert.ok((seen.get(word) ?? 0) > 100, `${word} is rare`);
  });

  test("asks for reading unless something else is asked for", () => {
    const subject = subjectWith(siteRoles(["auditor"]));
    const of = (place: Place): Resource => ({ type: "template", ...place });
    assert.deepEqual(visibleTo(subject, of), visibleTo(subject, of, "read"));
    assert.ok(visibleTo(subject, of).everything);
    assert.ok(!visibleTo(subject, of, "update").everything);
  });

  test("takes nobody for the owner of all things, not even who acts under the nil id", () => {
    const nil = subjectWith(organizationRoles(ORG, [], [STORED_MEMBER]), {
      userId: "00000000-0000-0000-0000-000000000000",
    });
    const { everything, organizationIds } = visibleTo(nil, (place) => ({ type: "workspace", ...place }));
    assert.deepEqual({ everything, organizationIds }, { everything: false, organizationIds: [] });
  });
});
