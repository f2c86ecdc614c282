import assert from "node:assert/strict";
import { it } from "node:test";
import { runPass } from "../../src/prebuilds/reconcile.ts";
import { finishBuilds, readHistories } from "../support/histories.ts";
import { waitFor } from "../support/wait-for.ts";
import { givenUser, type TestServer, type TestUser } from "./server.ts";
import { countWakes, givenServer } from "./steering.ts";
import { givenOutsiders, givenTemplateAdmins } from "./template-roles.ts";
import { givenPrebuild, givenTemplate, givenWorkspace, type TestTemplate } from "./world.ts";

const never = new AbortController().signal;

const remove = (server: TestServer, { id }: { readonly id: string }, as: TestUser = server.admin) =>
  server.send("DELETE", `/api/v2/templates/${id}`, { as });

async function buildsOf({ pool }: TestServer, { id }: TestTemplate): Promise<(readonly string[])[]> {
  return ((await readHistories({ pool })).get(id) ?? []).map(({ builds }) => builds);
}

it("a template that nobody has a workspace of is gone at once, and its prebuilds with the passes that follow", async (t) => {
  const { server, template } = await givenServer(t);
  await runPass(server.context, never);
  await finishBuilds(server.context);
  await server.pool.query("update template_version_presets set desired_instances = 4 where id = $1", [
    template.smallId,
  ]);
  await runPass(server.context, never);
  const succeeded = ["start succeeded"];
  assert.deepEqual(await buildsOf(server, template), [succeeded, succeeded, succeeded, ["start pending"]]);
  const wakes = await countWakes(t, server);

  const answer = await remove(server, template);
  assert.equal(answer.statusCode, 200, answer.body);
  assert.deepEqual(answer.json(), { message: "template devbox is deleted, and so are its prebuilds in a moment" });
  assert.equal(await wakes(), 1, "so that the pass need not be waited for");
  for (const path of [`/templates/${template.id}`, "/organizations/default/templates/devbox"]) {
    assert.equal((await server.send("GET", `/api/v2${path}`, { as: server.admin })).statusCode, 404, path);
  }
  assert.deepEqual((await server.send("GET", "/api/v2/templates", { as: server.admin })).json(), []);
  assert.equal((await remove(server, template)).statusCode, 404);

  await runPass(server.context, never);
  const deleting = ["start succeeded", "delete pending"];
  const canceled = ["start canceled", "delete succeeded"];
  assert.deepEqual(await buildsOf(server, template), [deleting, deleting, deleting, canceled]);
  await finishBuilds(server.context);
  await runPass(server.context, never);
  const histories = (await readHistories(server)).get(template.id) ?? [];
  assert.deepEqual(new Set(histories.map(({ deleted }) => deleted)), new Set([true]), "and no new ones are made");
  assert.equal(histories.length, 4);
});

it("the deletion stands in the audit log with what the template was", async (t) => {
  const { server, template } = await givenServer(t);
  await remove(server, template);
  const { rows } = await server.pool.query(
    "select resource_type, resource_target, user_id, diff from audit_logs where resource_id = $1 and action = 'delete'",
    [template.id],
  );
  assert.equal(rows.length, 1);
  const { diff, ...entry } = rows[0];
  assert.deepEqual(entry, { resource_type: "template", resource_target: "devbox", user_id: server.admin.id });
  assert.deepEqual(diff.name, { old: "devbox", new: null });
  assert.deepEqual(diff.active_version_id, { old: template.versionId, new: null });
});

it("workspaces of people keep a template, however they stand, and prebuilds and deleted workspaces do not", async (t) => {
  const { server, template } = await givenServer(t);
  await givenPrebuild(server, template);
  const one = await givenWorkspace(server, { ownerId: server.alice.id, name: "one", template });
  const two = await givenWorkspace(server, { ownerId: server.admin.id, name: "two", template, transition: "stop" });
  const both = await remove(server, template);
  assert.equal(both.statusCode, 409);
  assert.equal(
    both.json().message,
    "template devbox cannot be deleted: there are 2 workspaces of it that people have; delete them first (prebuilds do not count)",
  );
  await server.pool.query("update workspaces set deleted = true where id = $1", [one.id]);
  assert.match((await remove(server, template)).json().message, /there is 1 workspace of it/);
  assert.equal((await server.send("GET", `/api/v2/templates/${template.id}`, { as: server.alice })).statusCode, 200);
  await server.pool.query("update workspaces set deleted = true where id = $1", [two.id]);
  assert.equal((await remove(server, template)).statusCode, 200);
});

it("the name of a deleted template can be used again, and that is another template", async (t) => {
  const { server, template } = await givenServer(t);
  await givenPrebuild(server, template);
  await remove(server, template);
  const again = await givenTemplate(server);
  assert.notEqual(again.id, template.id);
  const found = await server.send("GET", "/api/v2/organizations/default/templates/devbox", { as: server.alice });
  assert.equal(found.json().id, again.id);
  await runPass(server.context, never);
  assert.deepEqual(await buildsOf(server, template), [["start succeeded", "delete pending"]]);
  assert.deepEqual(await buildsOf(server, again), [["start pending"], ["start pending"], ["start pending"]]);
});

it("the prebuilds go although their pool was paused, for nobody could end that pause any more", async (t) => {
  const { server, template } = await givenServer(t);
  await givenPrebuild(server, template);
  const pause = `/api/v2/prebuilds/presets/${template.smallId}/pause`;
  assert.equal((await server.send("POST", pause, { as: server.admin })).statusCode, 200);
  await remove(server, template);
  await runPass(server.context, never);
  assert.deepEqual(await buildsOf(server, template), [["start succeeded", "delete pending"]]);
});

it("a claim that is under way is waited for, and then keeps the template", async (t) => {
  const { server, template } = await givenServer(t);
  const { id } = await givenPrebuild(server, template);
  const client = await server.pool.connect();
  t.after(() => client.release());
  await client.query("begin");
  await client.query("update workspaces set owner_id = $2, name = 'mine' where id = $1", [id, server.alice.id]);
  const deletion = remove(server, template);
  await waitFor("the deletion to wait", async () => {
    const { rowCount } = await server.pool.query(
      "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    );
    return rowCount === 1;
  });
  await client.query("commit");
  assert.equal((await deletion).statusCode, 409);
});

it("templates are deleted by who manages them and by nobody else", async (t) => {
  const { server, template } = await givenServer(t);
  for (const { who, as, status } of await givenOutsiders(server)) {
    assert.equal((await remove(server, template, as)).statusCode, status, who);
  }
  const scoped = await givenUser(server, {
    roles: ["organization-admin"],
    scopes: ["template:read", "template:update"],
  });
  assert.equal((await remove(server, template, scoped)).statusCode, 403);
  for (const { who, as } of await givenTemplateAdmins(server)) {
    assert.equal((await remove(server, await givenTemplate(server), as)).statusCode, 200, who);
  }
  for (const id of ["x", "%27", "00000000-0000-0000-0000-000000000000"]) {
    assert.equal((await remove(server, { id })).statusCode, 404, id);
  }
});
