import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { can, type Resource } from "./decide.ts";
import { type Action, RESOURCE_TYPES, type ResourceType } from "./policy.ts";
import { isNotCustom, ORGANIZATION_ROLES, organizationRoles, SITE_ROLES, siteRoles } from "./roles.ts";
import {
  builtIn,
  everyPair,
  FOREIGN,
  ME,
  ORG,
  pairs,
  permissions,
  SECOND,
  SOMEONE,
  STORED_MEMBER,
  subjectWith,
} from "./subject.fixture.ts";

type Place = Omit<Resource, "type">;
/** Somebody else's things: where the roles are held, in another organization of the subject's, elsewhere, in none. */
const HERE: Place = { organizationId: ORG, ownerId: SOMEONE };
const ELSEWHERE: readonly Place[] = [
  { organizationId: SECOND, ownerId: SOMEONE },
  { organizationId: FOREIGN, ownerId: SOMEONE },
  { ownerId: SOMEONE },
];
const MINE: readonly Place[] = [
  { organizationId: ORG, ownerId: ME },
  { organizationId: FOREIGN, ownerId: ME },
];

/** All that a role allows in a place, as pairs of type and action. */
function granted(name: string, place: Place): string[] {
  const subject = subjectWith(builtIn(name));
  return everyPair().filter((pair) => {
    const [type, action] = pair.split(":") as [ResourceType, Action];
    return can(subject, action, { ...place, type });
  });
}

const but = (text: string): string[] => {
  const missing = pairs(text);
  return everyPair().filter((pair) => !missing.includes(pair));
};

const DORMANT = "workspace_dormant:create,read,update,delete,stop,create_agent,delete_agent,update_agent";
const NOT_DORMANT = "workspace_dormant:start,ssh,application_connect,share";
const READ_PEOPLE = "group:read group_member:read organization:read organization_member:read";
const TEMPLATES = `template:* file:create,read workspace:read prebuilt_workspace:update,delete
  provisioner_daemon:create,read,update,delete ${READ_PEOPLE}`;
const PEOPLE = `assign_org_role:assign,unassign,read group:create,read,update,delete group_member:read organization:read
  organization_member:create,read,update,delete idpsync_settings:read,update`;

/** What site roles allow everywhere. */
const EVERYWHERE: Readonly<Record<string, string[]>> = {
  owner: but(`${NOT_DORMANT} user_secret:* usage_event:* boundary_usage:* ai_seat:* ai_gateway_key:update
    boundary_log:create,delete`),
  auditor: pairs(`assign_org_role:read audit_log:read connection_log:read user:read ${READ_PEOPLE} deployment_stats:read
    deployment_config:read aibridge_interception:read boundary_log:read template:read,view_insights`),
  "template-admin": pairs(`assign_org_role:read user:read ${TEMPLATES}`),
  "user-admin": pairs(`assign_role:assign,unassign,read user:* ${PEOPLE}`),
};

/** What organization roles allow in their organization, and everywhere else. */
const IN_ORGANIZATION: Readonly<Record<string, readonly [here: string[], elsewhere: string[]]>> = {
  "organization-admin": [
    but(`workspace:ssh,application_connect ${NOT_DORMANT} assign_role:* user_secret:* boundary_log:* boundary_usage:*
      ai_seat:*`),
    pairs("user:read"),
  ],
  "organization-auditor": [
    pairs(`user:read audit_log:read ${READ_PEOPLE} template:read,view_insights`),
    pairs("user:read"),
  ],
  "organization-user-admin": [pairs(`user:read ${PEOPLE}`), pairs("user:read")],
  "organization-template-admin": [pairs(`${TEMPLATES} provisioner_jobs:read,update,create`), []],
  "organization-workspace-creation-ban": [[], []],
};

describe("site roles", () => {
  for (const [name, expected] of Object.entries(EVERYWHERE)) {
    test(`${name} allows exactly what is laid down, wherever things are and whoever owns them`, () => {
      for (const place of [HERE, ...ELSEWHERE, ...MINE]) {
        assert.deepEqual(granted(name, place), expected, JSON.stringify(place));
      }
    });
  }

  test("member allows little of what is others', and nearly everything with what is the subject's and in no organization", () => {
    const everywhere = "assign_role:read oauth2_app:read workspace_proxy:read";
    for (const place of [HERE, ...ELSEWHERE, ...MINE]) assert.deepEqual(granted("member", place), pairs(everywhere));
    const limited = ["user", "aibridge_interception", "boundary_log", "boundary_usage", "chat", "ai_seat"];
    const none = ["workspace", "workspace_dormant", "prebuilt_workspace", "organization_member", ...limited];
    const all = RESOURCE_TYPES.filter((type) => !none.includes(type)).map((type) => `${type}:*`);
    assert.deepEqual(
      granted("member", { ownerId: ME }),
      pairs(`${all.join(" ")} user:read,read_personal,update_personal aibridge_interception:create,update
        boundary_log:create`),
    );
  });

  test("everybody has the role member, also without being given one, and once", () => {
    assert.deepEqual(
      siteRoles([]).map(({ name }) => name),
      ["member"],
    );
    assert.deepEqual(
      siteRoles(["member", "auditor"]).map(({ name }) => name),
      ["member", "auditor"],
    );
  });

  test("names that are not known grant nothing", () => {
    assert.deepEqual(siteRoles(["root", "Owner", "constructor", "organization-admin"]), siteRoles([]));
  });

  test("those that can be given are the four that are laid down", () => {
    assert.deepEqual([...SITE_ROLES], Object.keys(EVERYWHERE));
  });
});

describe("organization roles", () => {
  for (const [name, [here, elsewhere]] of Object.entries(IN_ORGANIZATION)) {
    test(`${name} allows exactly what is laid down, in its organization`, () => {
      assert.deepEqual(granted(name, HERE), here);
      for (const place of ELSEWHERE) assert.deepEqual(granted(name, place), elsewhere, JSON.stringify(place));
    });

    test(`${name} makes no difference between what is the subject's and what is others'`, () => {
      assert.deepEqual(granted(name, { organizationId: ORG, ownerId: ME }), here);
    });
  }

  test("organization-member allows what members share and nearly everything with what is the subject's there", () => {
    const shared = "provisioner_daemon:read organization:read assign_org_role:read organization_member:read group:read";
    assert.deepEqual(granted("organization-member", HERE), pairs(shared));
    assert.deepEqual(
      granted("organization-member", { organizationId: ORG, ownerId: ME }),
      but(`${NOT_DORMANT} prebuilt_workspace:* user:* organization_member:create,update,delete`),
    );
    assert.ok(pairs(DORMANT).every((pair) => granted("organization-member", { ...HERE, ownerId: ME }).includes(pair)));
    for (const place of ELSEWHERE) assert.deepEqual(granted("organization-member", place), []);
  });

  test("the ban on creating workspaces denies it to members and to administrators of the organization, not to the site owner", () => {
    const own: Resource = { type: "workspace", organizationId: ORG, ownerId: ME };
    const answers = (...names: string[]) => {
      const roles = [...names, "organization-workspace-creation-ban"].flatMap((name) => builtIn(name));
      const actions = ["create", "delete", "create_agent", "delete_agent", "start", "update"] as const;
      return actions.filter((action) => can(subjectWith(roles), action, own));
    };
    assert.deepEqual(answers("organization-member"), ["start", "update"]);
    assert.deepEqual(answers("organization-admin"), ["start", "update"]);
    assert.deepEqual(answers("owner"), ["create", "delete", "create_agent", "delete_agent", "start", "update"]);
  });

  test("every member has organization-member, also without being given it, and once", () => {
    assert.deepEqual(
      organizationRoles(ORG, [], [STORED_MEMBER]).map(({ name }) => name),
      ["organization-member"],
    );
    assert.deepEqual(
      organizationRoles(ORG, ["organization-member", "organization-auditor"], [STORED_MEMBER]).map(({ name }) => name),
      ["organization-member", "organization-auditor"],
    );
  });

  test("names that are not known grant nothing", () => {
    assert.deepEqual(organizationRoles(ORG, ["admin", "constructor", "owner"], []), []);
  });

  test("a stored role of people's that has the name of a built-in or system one, in any case, grants nothing", () => {
    const stored = (name: string) => ({ name, isSystem: false, org: permissions("+workspace:read"), member: [] });
    const names = ["Organization-Auditor", "ORGANIZATION-MEMBER", "organization-member", "reader"];
    assert.deepEqual(
      organizationRoles(ORG, names, names.map(stored)).map(({ name }) => name),
      ["reader"],
    );
    assert.deepEqual(["Organization-Admin", "ORGANIZATION-MEMBER", "reader", "owner"].map(isNotCustom), [
      true,
      true,
      false,
      false,
    ]);
  });

  test("those that can be given are the five that are laid down", () => {
    assert.deepEqual([...ORGANIZATION_ROLES], Object.keys(IN_ORGANIZATION));
  });
});
