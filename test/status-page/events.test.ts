import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { closed, readEvents } from "../http/event-reader.ts";
import { countStatements, startTestServer, type TestUser } from "../http/server.ts";
import { givenPrebuild } from "../support/given-prebuild.ts";
import { waitFor } from "../support/wait-for.ts";
import { visit } from "./support.ts";
import { givenPools } from "./world.ts";

type News = {
  readonly rows: readonly (readonly [id: string, row: string])[];
  readonly all?: readonly string[];
  readonly parts: Readonly<Record<string, string>>;
};

async function givenLive(t: TestContext) {
  const poolsChanged = new EventTarget();
  const server = await startTestServer(t, { poolsChanged });
  const at = await givenPools(server);
  const url = await server.app.listen({ host: "127.0.0.1", port: 0 });
  return {
    server,
    at,
    change: () => poolsChanged.dispatchEvent(new Event("change")),
    follow: async (as: TestUser, since = "", headers: Record<string, string> = {}) => {
      const query = since === "" ? "" : `?since=${since}`;
      const cookie = `prebuildd_session=${as.token}`;
      const reader = await readEvents(t, `${url}/events${query}`, { cookie, ...headers });
      return {
        reader,
        news: () => reader.events.filter(({ name }) => name === "message").map(({ data }) => data as News),
      };
    },
  };
}

describe("the events of the status page", () => {
  it("are the rows that have changed, as the page has them, and nothing that the viewer may not see", async (t) => {
    const { server, at, change, follow } = await givenLive(t);
    const [admin, alice] = [await follow(server.admin), await follow(server.alice)];
    await waitFor("the first news", () => admin.news().length > 0 && alice.news().length > 0);
    assert.deepEqual([admin.news()[0]?.rows.length, alice.news()[0]?.rows.length], [6, 5]);
    assert.ok(!JSON.stringify(alice.reader.events).includes("secret"));
    const page = await visit(server, "/", server.alice);
    for (const [, row] of alice.news()[0]?.rows ?? []) assert.ok(page.body.includes(row), row);

    const { presetId } = at("devbox/large");
    await givenPrebuild(server.context, at("devbox/large"));
    change();
    const changed = () =>
      admin
        .news()
        .slice(1)
        .flatMap(({ rows }) => rows);
    await waitFor("the row", () => changed().length > 0);
    assert.deepEqual(
      changed().map(([id]) => id),
      [presetId],
    );
    const last = admin.news().at(-1);
    assert.equal(last?.all, undefined, "the pools are the same");
    assert.deepEqual(Object.keys(last?.parts ?? {}), ["totals"]);
  });

  it("begin with what has changed since the page was read, and with everything for who comes from elsewhere", async (t) => {
    const { server, at, follow } = await givenLive(t);
    const { body } = await visit(server, "/", server.admin);
    const since = /data-since="([^"]+)"/.exec(body)?.[1] ?? "";
    await givenPrebuild(server.context, at("devbox/large"));
    const known = await follow(server.admin, since);
    const other = await follow(server.admin, "another.1");
    await waitFor("the change", () => known.news().some(({ rows }) => rows.length > 0) && other.news().length > 0);
    assert.deepEqual(
      known.news().flatMap(({ rows }) => rows.map(([id]) => id)),
      [at("devbox/large").presetId],
    );
    assert.equal(known.news()[0]?.all?.length, 6);
    assert.equal(other.news()[0]?.rows.length, 6);
    const again = await follow(server.admin, "another.1", { "last-event-id": known.reader.events.at(-1)?.id ?? "" });
    await waitFor("the first news", () => again.news().length > 0);
    assert.deepEqual(again.news()[0]?.rows, []);
  });

  it("say which pools are gone, and end when the token does", async (t) => {
    const { server, at, change, follow } = await givenLive(t);
    const { reader, news } = await follow(server.alice);
    await waitFor("the first news", () => news().length > 0);
    await server.pool.query("delete from template_version_presets where id = $1", [at("legacy/jdk8").presetId]);
    change();
    await waitFor("the pools that are left", () => news().at(-1)?.all?.length === 4);
    await server.pool.query("delete from api_keys where user_id = $1", [server.alice.id]);
    server.advance(16_000);
    change();
    await closed(reader);
    assert.equal(reader.events.at(-1)?.name, "end");
  });

  it("cost one reading for all who look on", async (t) => {
    const { server, change, follow } = await givenLive(t);
    const viewers = [await follow(server.admin), await follow(server.admin), await follow(server.alice)];
    await waitFor("the first news", () => viewers.every(({ news }) => news().length > 0));
    const statements = countStatements(server.pool);
    const readings = () => statements.filter((text) => text.includes("from recent_requests")).length;
    const before = viewers.map(({ news }) => news().length);
    change();
    await waitFor("news for all", () => viewers.every(({ news }, index) => news().length > (before[index] ?? 0)));
    assert.equal(readings(), 1);
  });
});
