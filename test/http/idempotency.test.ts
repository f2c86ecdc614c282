import assert from "node:assert/strict";
import { test } from "node:test";
import { forgetRequests } from "../../src/workspaces/request-store.ts";
import { waitFor } from "../support/wait-for.ts";
import { startTestServer, type TestServer, type TestUser } from "./server.ts";
import { givenPrebuild, givenTemplate, type TestTemplate } from "./world.ts";

const create = "/api/v2/organizations/default/members/me/workspaces";

async function givenPool(server: TestServer, prebuilds: number): Promise<TestTemplate> {
  const template = await givenTemplate(server);
  for (let made = 0; made < prebuilds; made += 1) await givenPrebuild(server, template, `prebuild-${made}`);
  return template;
}

const bodyOf = (template: TestTemplate, name = "dev") => ({
  name,
  template_id: template.id,
  template_version_preset_id: template.smallId,
});

function ask(server: TestServer, as: TestUser, key: string, json: object, path = create) {
  return server.send("POST", path, { as, json, headers: { "idempotency-key": key } });
}

async function ownedBy(server: TestServer, user: TestUser): Promise<number> {
  const { rows } = await server.pool.query("select count(*)::int as n from workspaces where owner_id = $1", [user.id]);
  return rows[0].n;
}

test("a request that is repeated with its key gets the same workspace, and is marked as repeated", async (t) => {
  const server = await startTestServer(t);
  const template = await givenPool(server, 2);
  const first = await ask(server, server.alice, "k1", bodyOf(template));
  const again = await ask(server, server.alice, "k1", bodyOf(template));
  assert.deepEqual([first.statusCode, again.statusCode], [201, 201]);
  assert.deepEqual(again.json(), first.json());
  assert.equal(first.json().claimed, true);
  assert.deepEqual([first.headers["idempotent-replayed"], again.headers["idempotent-replayed"]], [undefined, "true"]);
  assert.equal(await ownedBy(server, server.alice), 1);
});

test("a repeated request that was built anew says again why nothing was claimed", async (t) => {
  const server = await startTestServer(t);
  const template = await givenPool(server, 0);
  const first = await ask(server, server.alice, "k1", bodyOf(template));
  await givenPrebuild(server, template);
  const again = await ask(server, server.alice, "k1", bodyOf(template));
  assert.deepEqual([again.json().claimed, again.json().miss_reason], [false, "pool_empty"]);
  assert.equal(again.json().id, first.json().id);
  assert.equal(await ownedBy(server, server.alice), 1);
});

test("the same fields in another order, or as their defaults, are the same request", async (t) => {
  const server = await startTestServer(t);
  const template = await givenPool(server, 1);
  const { name, ...rest } = bodyOf(template);
  const first = await ask(server, server.alice, "k1", { name, ...rest });
  const again = await ask(server, server.alice, "k1", { ...rest, automatic_updates: "never", name });
  assert.equal(again.json().id, first.json().id);
});

test("a key that was used for another request is refused, and nothing is done", async (t) => {
  const server = await startTestServer(t);
  const template = await givenPool(server, 2);
  await ask(server, server.alice, "k1", bodyOf(template));
  for (const [json, path] of [
    [bodyOf(template, "other"), create],
    [{ ...bodyOf(template), automatic_updates: "always" }, create],
  ] as const) {
    const answer = await ask(server, server.alice, "k1", json, path);
    assert.equal(answer.statusCode, 409, answer.body);
    assert.match(answer.json().message, /Idempotency-Key was used for another request/);
  }
  assert.equal(await ownedBy(server, server.alice), 1);
});

test("a key belongs to its user, whoever the workspace is for", async (t) => {
  const server = await startTestServer(t);
  const template = await givenPool(server, 3);
  const forAlice = "/api/v2/organizations/default/members/alice/workspaces";
  const alices = await ask(server, server.alice, "k1", bodyOf(template));
  const admins = await ask(server, server.admin, "k1", bodyOf(template, "dev-2"), forAlice);
  assert.deepEqual([alices.statusCode, admins.statusCode], [201, 201]);
  assert.notEqual(alices.json().id, admins.json().id);
  const elsewhere = await ask(server, server.admin, "k1", bodyOf(template, "dev-2"));
  assert.equal(elsewhere.statusCode, 409, "the same body for another user is another request");
});

test("of twenty equal requests at once one is carried out, and all get its workspace", async (t) => {
  const server = await startTestServer(t);
  for (const prebuilds of [3, 0]) {
    const template = await givenTemplate(server, `devbox-${prebuilds}`);
    for (let made = 0; made < prebuilds; made += 1) await givenPrebuild(server, template, `prebuild-${made}`);
    const before = await ownedBy(server, server.alice);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => ask(server, server.alice, `k${prebuilds}`, bodyOf(template, `ws-${prebuilds}`))),
    );
    assert.deepEqual([...new Set(answers.map(({ statusCode }) => statusCode))], [201]);
    assert.equal(new Set(answers.map((answer) => answer.json().id)).size, 1);
    assert.equal(answers.filter(({ headers }) => headers["idempotent-replayed"] === undefined).length, 1);
    assert.equal((await ownedBy(server, server.alice)) - before, 1);
  }
});

test("a request that finds its template changed, when its twin was carried out meanwhile, gets the twin's answer", async (t) => {
  const server = await startTestServer(t);
  const template = await givenPool(server, 0);
  const first = await ask(server, server.alice, "k1", bodyOf(template));
  // As if the first were still under way: what it wrote is not there when the second looks for it, and is soon after.
  await server.pool.query("create table unwritten as select * from workspace_requests; delete from workspace_requests");
  const client = await server.pool.connect();
  t.after(() => client.release());
  await client.query("begin; lock table templates in access exclusive mode");
  const second = ask(server, server.alice, "k1", bodyOf(template));
  await waitFor("the second to wait for the template", async () => {
    const { rows } = await client.query(
      "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    );
    return rows.length > 0;
  });
  await client.query("insert into workspace_requests select * from unwritten");
  await client.query("update templates set deprecated = 'use another one' where id = $1", [template.id]);
  await client.query("commit");
  assert.equal((await second).statusCode, 201, (await second).body);
  assert.equal((await second).json().id, first.json().id);
});

test("a request that was refused leaves its key free", async (t) => {
  const server = await startTestServer(t);
  const template = await givenPool(server, 2);
  await ask(server, server.alice, "k0", bodyOf(template));
  assert.equal((await ask(server, server.alice, "k1", bodyOf(template))).statusCode, 409, "the name is taken");
  const answer = await ask(server, server.alice, "k1", bodyOf(template, "free"));
  assert.equal(answer.statusCode, 201, answer.body);
});

test("a key is free again when the requests of its time are forgotten", async (t) => {
  const server = await startTestServer(t);
  const template = await givenPool(server, 2);
  await ask(server, server.alice, "k1", bodyOf(template));
  assert.equal(await forgetRequests(server.pool, new Date(Date.now() - 60_000)), 0);
  assert.equal(await forgetRequests(server.pool, new Date(Date.now() + 1_000)), 1);
  assert.equal((await ask(server, server.alice, "k1", bodyOf(template, "other"))).statusCode, 201);
});

test("keys that are empty, too long or not plain text are refused", async (t) => {
  const server = await startTestServer(t);
  const template = await givenPool(server, 0);
  for (const key of ["", "k".repeat(256), "a b", "ключ"]) {
    const answer = await ask(server, server.alice, key, bodyOf(template));
    assert.equal(answer.statusCode, 400, key);
    assert.deepEqual(answer.json().validations, [
      { field: "idempotency-key", detail: "1 to 255 visible ASCII characters" },
    ]);
  }
});
