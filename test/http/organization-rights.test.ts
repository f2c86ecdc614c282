import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { givenUser, startTestServer, type TestServer, type TestUser } from "./server.ts";

/** The callers of the role matrix: who they are, and what they may do with an organization that is theirs. */
const CALLERS = {
  owner: { siteRoles: ["owner"], organization: null },
  "user-admin": { siteRoles: ["user-admin"], organization: null },
  "template-admin": { siteRoles: ["template-admin"], organization: null },
  auditor: { siteRoles: ["auditor"], organization: null },
  "organization-admin": { roles: ["organization-admin"] },
  "organization-user-admin": { roles: ["organization-user-admin"] },
  "organization-template-admin": { roles: ["organization-template-admin"] },
  "organization-auditor": { roles: ["organization-auditor"] },
  "organization-workspace-creation-ban": { roles: ["organization-workspace-creation-ban"] },
  "organization-member": {},
} as const;
type Caller = keyof typeof CALLERS;

const ADMINS: readonly Caller[] = ["owner", "organization-admin"];
const PEOPLE_ADMINS: readonly Caller[] = [...ADMINS, "user-admin", "organization-user-admin"];
const EVERYBODY = Object.keys(CALLERS) as readonly Caller[];

/** Something fresh for each request, which others have not changed. */
type Target = { readonly member: TestUser; readonly outsider: TestUser; readonly group: string };

type Row = {
  readonly what: string;
  readonly send: (
    target: Target,
  ) => readonly [method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE", path: string, json?: unknown];
  readonly allowed: readonly Caller[];
  /** What the allowed ones get. */
  readonly status: number;
  /** What members of another organization get. */
  readonly outside?: number;
};

const O = "/organizations/default";
const SHARING = `${O}/settings/workspace-sharing`;
const name = () => `n-${randomUUID().slice(0, 8)}`;

const MATRIX: readonly Row[] = [
  { what: "read an organization", send: () => ["GET", O], allowed: EVERYBODY, status: 200 },
  {
    what: "create an organization",
    send: () => ["POST", "/organizations", { name: name() }],
    allowed: ["owner"],
    status: 201,
    outside: 403,
  },
  { what: "update an organization", send: () => ["PATCH", O, { description: name() }], allowed: ADMINS, status: 200 },
  // The default organization cannot be deleted; who may not delete any is told so first.
  { what: "delete an organization", send: () => ["DELETE", O], allowed: ADMINS, status: 400 },
  { what: "see whether workspaces can be shared", send: () => ["GET", SHARING], allowed: EVERYBODY, status: 200 },
  {
    what: "say whether workspaces can be shared",
    send: () => ["PATCH", SHARING, { sharing_disabled: false }],
    allowed: ADMINS,
    status: 200,
  },
  { what: "list members", send: () => ["GET", `${O}/members`], allowed: EVERYBODY, status: 200 },
  {
    what: "read a member",
    send: ({ member }) => ["GET", `${O}/members/${member.username}`],
    allowed: EVERYBODY,
    status: 200,
  },
  {
    what: "add a member",
    send: ({ outsider }) => ["POST", `${O}/members/${outsider.username}`],
    allowed: PEOPLE_ADMINS,
    status: 200,
  },
  {
    what: "remove a member",
    send: ({ member }) => ["DELETE", `${O}/members/${member.id}`],
    allowed: PEOPLE_ADMINS,
    status: 204,
  },
  { what: "list the roles", send: () => ["GET", `${O}/members/roles`], allowed: EVERYBODY, status: 200 },
  {
    what: "set the role that all members have",
    send: ({ member }) => ["PUT", `${O}/members/${member.id}/roles`, { roles: ["organization-member"] }],
    allowed: PEOPLE_ADMINS,
    status: 200,
  },
  {
    what: "give a role",
    send: ({ member }) => ["PUT", `${O}/members/${member.id}/roles`, { roles: ["organization-auditor"] }],
    allowed: ADMINS,
    status: 200,
  },
  { what: "list groups", send: () => ["GET", `${O}/groups`], allowed: EVERYBODY, status: 200 },
  { what: "read a group", send: ({ group }) => ["GET", `/groups/${group}`], allowed: EVERYBODY, status: 200 },
  {
    what: "create a group",
    send: () => ["POST", `${O}/groups`, { name: name() }],
    allowed: PEOPLE_ADMINS,
    status: 201,
  },
  {
    what: "update a group",
    send: ({ group, member }) => ["PATCH", `/groups/${group}`, { quota_allowance: 5, add_users: [member.id] }],
    allowed: PEOPLE_ADMINS,
    status: 200,
  },
  { what: "delete a group", send: ({ group }) => ["DELETE", `/groups/${group}`], allowed: PEOPLE_ADMINS, status: 204 },
];

async function givenGroup({ pool, defaultOrganizationId }: TestServer): Promise<string> {
  const { rows } = await pool.query<{ id: string }>(
    "insert into groups (organization_id, name) values ($1, $2) returning id",
    [defaultOrganizationId, name()],
  );
  return rows[0]?.id as string;
}

async function givenTarget(server: TestServer): Promise<Target> {
  const outsider = await givenUser(server, { organization: null });
  return { outsider, member: await givenUser(server), group: await givenGroup(server) };
}

test("the role matrix of organizations, members and groups holds for real users", async (t) => {
  const server = await startTestServer(t);
  const elsewhere = { organization: server.otherOrganizationId, roles: ["organization-admin"] };
  const foreigner = await givenUser(server, elsewhere);
  for (const { what, send, allowed, status, outside = 404 } of MATRIX) {
    await t.test(`${allowed === EVERYBODY ? "all roles" : allowed.join(", ")} may ${what}`, async () => {
      const ask = async (as: TestUser) => {
        const [method, path, json] = send(await givenTarget(server));
        return server.send(method, `/api/v2${path}`, { as, ...(json === undefined ? {} : { json }) });
      };
      for (const [caller, roles] of Object.entries(CALLERS)) {
        const answer = await ask(await givenUser(server, roles));
        const expected = allowed.includes(caller as Caller) ? status : 403;
        assert.equal(answer.statusCode, expected, `${caller}: ${answer.body}`);
      }
      for (const as of [foreigner, server.nobody]) assert.equal((await ask(as)).statusCode, outside, as.username);
    });
  }
});
