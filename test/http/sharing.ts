import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { startTestServer, type TestServer, type TestUser } from "./server.ts";
import { givenTemplate, givenWorkspace } from "./world.ts";

/** What can be asked for of a server where there is a running workspace of alice's, `dev`, that is shared with nobody. */
export async function givenDev(t: TestContext, options: { readonly workspaceSharingDisabled?: boolean } = {}) {
  const server = await startTestServer(t, options);
  const template = await givenTemplate(server);
  const dev = await givenWorkspace(server, { ownerId: server.alice.id, name: "dev", template });
  const path = `/api/v2/workspaces/${dev.id}/acl`;
  const share = (json: unknown, as: TestUser = server.alice) => server.send("PATCH", path, { as, json });
  return {
    server,
    template,
    dev,
    share,
    /** Shares it, which must succeed, with these users and groups. */
    async shared(users: object, groups: object = {}): Promise<void> {
      const answer = await share({ user_roles: users, group_roles: groups });
      assert.equal(answer.statusCode, 204, answer.body);
    },
    unshare: (as: TestUser = server.alice) => server.send("DELETE", path, { as }),
    acl: (as: TestUser = server.alice) => server.send("GET", path, { as }),
    stored: () => storedLists(server, dev.id),
  };
}

/** Whom a workspace is shared with, as it is stored. */
export async function storedLists({ pool }: TestServer, id: string): Promise<{ users: object; groups: object }> {
  const { rows } = await pool.query("select user_acl as users, group_acl as groups from workspaces where id = $1", [
    id,
  ]);
  return rows[0];
}

/** Whether workspaces can be shared in an organization, and what is answered to who says so. */
export function switchSharing(server: TestServer, disabled: boolean, as: TestUser = server.admin) {
  const path = "/api/v2/organizations/default/settings/workspace-sharing";
  return server.send("PATCH", path, { as, json: { sharing_disabled: disabled } });
}

/** A group of an organization with these members; returns its id. */
export async function givenGroup(
  { pool }: TestServer,
  organizationId: string,
  members: readonly TestUser[] = [],
  name = "crew",
): Promise<string> {
  const { rows } = await pool.query<{ id: string }>(
    "insert into groups (organization_id, name, display_name) values ($1, $2, 'The ' || $2) returning id",
    [organizationId, name],
  );
  const id = rows[0]?.id as string;
  for (const member of members) {
    await pool.query("insert into group_members (group_id, user_id) values ($1, $2)", [id, member.id]);
  }
  return id;
}
