import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { CALLERS } from "./callers.ts";
import { givenUser, startTestServer, type TestServer, type TestUser } from "./server.ts";
import { givenTemplate, givenWorkspace, type TestTemplate } from "./world.ts";

type Caller = keyof typeof CALLERS;
const ADMINS: readonly Caller[] = ["owner", "organization-admin", "organization-admin who may not create workspaces"];
const CREATORS: readonly Caller[] = ["owner", "organization-admin"];
const READERS: readonly Caller[] = [...ADMINS, "template-admin", "organization-template-admin"];

/** What is asked of a workspace of alice's, who may do it, and how it is answered then. */
type Row = {
  readonly right: string;
  readonly allowed: readonly Caller[];
  readonly status: number;
  ask(server: TestServer, as: TestUser, id: string): ReturnType<TestServer["send"]>;
};

const transition = (name: string): Row["ask"] => {
  return (server, as, id) => server.send("POST", `/api/v2/workspaces/${id}/builds`, { as, json: { transition: name } });
};
const update: Row["ask"] = (server, as, id) =>
  server.send("PUT", `/api/v2/workspaces/${id}/autoupdates`, { as, json: { automatic_updates: "always" } });

const AWAKE: readonly Row[] = [
  {
    right: "read",
    allowed: READERS,
    status: 200,
    ask: (server, as, id) => server.send("GET", `/api/v2/workspaces/${id}`, { as }),
  },
  { right: "update", allowed: ADMINS, status: 204, ask: update },
  { right: "start", allowed: ADMINS, status: 201, ask: transition("start") },
  { right: "stop", allowed: ADMINS, status: 201, ask: transition("stop") },
  { right: "delete", allowed: CREATORS, status: 201, ask: transition("delete") },
];
const DORMANT: readonly Row[] = [
  { right: "update", allowed: ADMINS, status: 204, ask: update },
  { right: "stop", allowed: ADMINS, status: 201, ask: transition("stop") },
  { right: "delete", allowed: ADMINS, status: 201, ask: transition("delete") },
  { right: "start", allowed: [], status: 201, ask: transition("start") },
];

async function given(server: TestServer, template: TestTemplate, isDormant: boolean): Promise<string> {
  const name = `w-${randomUUID().slice(0, 8)}`;
  const { id } = await givenWorkspace(server, { ownerId: server.alice.id, name, template });
  if (isDormant) await server.pool.query("update workspaces set dormant_at = now() where id = $1", [id]);
  return id;
}

for (const [kind, rows, readers] of [
  ["a workspace", AWAKE, READERS],
  ["a dormant workspace", DORMANT, ADMINS],
] as const) {
  for (const { right, allowed, status, ask } of rows) {
    test(`the right to ${right} ${kind} of others is held by: ${allowed.join(", ") || "nobody"}`, async (t) => {
      const server = await startTestServer(t);
      const template = await givenTemplate(server);
      for (const caller of Object.keys(CALLERS) as Caller[]) {
        const isDormant = rows === DORMANT;
        const answer = await ask(
          server,
          await givenUser(server, CALLERS[caller]),
          await given(server, template, isDormant),
        );
        const expected = allowed.includes(caller) ? status : readers.includes(caller) ? 403 : 404;
        assert.equal(answer.statusCode, expected, `${caller}: ${answer.body}`);
        const { roles } = CALLERS[caller] as { readonly roles?: readonly string[] };
        if (roles === undefined) continue;
        const elsewhere = await givenUser(server, { roles, organization: server.otherOrganizationId });
        const refused = await ask(server, elsewhere, await given(server, template, isDormant));
        assert.equal(refused.statusCode, 404, `${caller} of another organization: ${refused.body}`);
      }
    });
  }
}

test("workspaces are made for others by who may create them, and by nobody else", async (t) => {
  const server = await startTestServer(t);
  const { id } = await givenTemplate(server);
  for (const caller of Object.keys(CALLERS) as Caller[]) {
    const as = await givenUser(server, CALLERS[caller]);
    const json = { name: `w-${randomUUID().slice(0, 8)}`, template_id: id };
    const path = "/api/v2/organizations/default/members/alice/workspaces";
    const answer = await server.send("POST", path, { as, json });
    assert.equal(answer.statusCode, CREATORS.includes(caller) ? 201 : 403, `${caller}: ${answer.body}`);
  }
});
