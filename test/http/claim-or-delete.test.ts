import assert from "node:assert/strict";
import { test } from "node:test";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { givenWorker } from "../support/given.ts";
import { waitFor } from "../support/wait-for.ts";
import { givenUser, startTestServer, type TestServer, type TestUser } from "./server.ts";
import { givenPrebuild, givenTemplate } from "./world.ts";

const ROUNDS = 4;
const POOL = 12;

const deletion = (server: TestServer, as: TestUser, id: string) =>
  server.send("POST", `/api/v2/workspaces/${id}/builds`, { as, json: { transition: "delete" } });

/** Waits until another connection waits for a row that a transaction of the test holds. */
const someoneWaits = ({ pool }: TestServer) =>
  waitFor("a statement to wait for the lock", async () => {
    const { rows } = await pool.query<{ waits: boolean }>(
      "select exists (select from pg_locks where not granted and pid <> pg_backend_pid()) as waits",
    );
    return rows[0]?.waits;
  });

test("a deletion that waits for a claim is decided by whose the workspace is then", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const { id } = await givenPrebuild(server, template);
  const admin = await givenUser(server, { siteRoles: ["template-admin"] });
  const client = await server.pool.connect();
  await client.query("begin");
  await client.query("update workspaces set owner_id = $2, name = 'dev' where id = $1", [id, server.alice.id]);
  const deleting = deletion(server, admin, id);
  await someoneWaits(server);
  await client.query("commit");
  client.release();
  const { statusCode, body } = await deleting;
  assert.equal(statusCode, 403, body);
  const builds = await server.send("GET", `/api/v2/workspaces/${id}/builds`, { as: server.alice });
  assert.equal(builds.headers["x-total-count"], "1");
});

test("a claim in a transaction that is left open makes a deletion fail soon, and holds up nothing else", async (t) => {
  const server = await startTestServer(t);
  const { id } = await givenPrebuild(server, await givenTemplate(server));
  const client = await server.pool.connect();
  t.after(() => client.release());
  await client.query("begin");
  await client.query("select from workspaces where id = $1 for update", [id]);
  const { statusCode, body } = await deletion(server, server.admin, id);
  await client.query("rollback");
  assert.equal(statusCode, 409, body);
  assert.match(body, /somebody else is just claiming or changing this workspace/);
  assert.equal((await deletion(server, server.admin, id)).statusCode, 201);
});

test("however claims and deletions by a template admin meet, no workspace is deleted that has been claimed", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const admin = await givenUser(server, { siteRoles: ["template-admin"] });
  // With it claim builds end while deletions are still decided, so that nothing but the owner is in their way.
  const worker = givenWorker(t, server.context, { concurrency: POOL });
  const met = { claimed: 0, deleted: 0 };
  for (let round = 0; round < ROUNDS; round += 1) {
    const names = Array.from({ length: POOL }, (_, n) => `round-${round}-${n}`);
    const prebuilds: string[] = [];
    for (const name of names) prebuilds.push((await givenPrebuild(server, template, name)).id);
    const claim = (name: string, inSql: boolean) =>
      inSql
        ? server.pool.query("select claim_prebuild(preset_id => $1, user_id => $2, name => $3)", [
            template.smallId,
            server.alice.id,
            name,
          ])
        : server.send("POST", "/api/v2/organizations/default/members/me/workspaces", {
            as: server.alice,
            json: { name, template_id: template.id, template_version_preset_id: template.smallId },
          });
    // Twice each: the second one finds the deletion, the claim or the prebuild.
    const deletions = [...prebuilds, ...prebuilds].map(async (id) => ({
      id,
      answer: await deletion(server, admin, id),
    }));
    await Promise.all(names.map((name, n) => claim(name, n % 3 === 0).then(worker.poke)));
    for (const { id, answer } of await Promise.all(deletions)) {
      assert.ok([201, 403, 404, 409].includes(answer.statusCode), answer.body);
      if (answer.statusCode === 201) met.deleted += 1;
      else if (answer.statusCode === 403) met.claimed += 1;
      const { rows } = await server.pool.query<{ owner_id: string; deletions: number }>(
        `select owner_id, (select count(*)::int from workspace_builds b
           where b.workspace_id = w.id and b.transition = 'delete') as deletions
         from workspaces w where id = $1`,
        [id],
      );
      const isPrebuild = rows[0]?.owner_id === PREBUILDS_SYSTEM_USER_ID;
      assert.equal(rows[0]?.deletions, isPrebuild ? 1 : 0, `${id} is ${isPrebuild ? "a prebuild" : "claimed"}`);
      if (answer.statusCode === 201) assert.ok(isPrebuild);
    }
  }
  assert.ok(met.claimed > 0 && met.deleted > 0, `both must happen: ${JSON.stringify(met)}`);
});
