import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { waitFor } from "../support/wait-for.ts";
import { closed, readEvents } from "./event-reader.ts";
import { givenUser, startTestServer, type TestUser } from "./server.ts";
import { givenTemplate, givenWorkspace } from "./world.ts";

/** A server that listens, with builds of alice's that run. */
async function given(t: TestContext) {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const url = await server.app.listen({ host: "127.0.0.1", port: 0 });
  const looks = new Map<string, number>();
  const query = server.pool.query.bind(server.pool) as (...given: unknown[]) => unknown;
  Object.assign(server.pool, {
    query: (text: unknown, values: unknown[] = [], ...rest: unknown[]) => {
      const build = String(values[0]);
      if (/left join lateral/.test(String(text))) looks.set(build, (looks.get(build) ?? 0) + 1);
      return query(text, values, ...rest);
    },
  });
  const givenBuild = async (name: string) => {
    const { buildId, jobId } = await givenWorkspace(server, {
      ownerId: server.alice.id,
      name,
      template,
      job: "running",
    });
    const path = `/api/v2/workspacebuilds/${buildId}/logs`;
    return {
      path,
      /** How often the lines of this build have been looked for. */
      looks: () => looks.get(buildId) ?? 0,
      print: (count: number, length = 10) =>
        query(
          `insert into provisioner_job_logs (job_id, source, level, stage, output)
            select $1, 'provisioner', 'info', 'start', rpad('line ' || n, $3, '.') from generate_series(1, $2) n`,
          [jobId, count, length],
        ) as Promise<unknown>,
      end: () => query("update provisioner_jobs set completed_at = now() where id = $1", [jobId]) as Promise<unknown>,
      follow: (as: TestUser, query = "", headers = {}) =>
        readEvents(t, `${url}${path}?follow=true${query}`, { authorization: `Bearer ${as.token}`, ...headers }),
    };
  };
  return { server, url, givenBuild };
}

const outputs = (events: readonly { readonly name: string; readonly data: unknown }[]) =>
  events.map(({ name, data }) => (name === "message" ? (data as { output: string }).output : name));

test("who follows a log gets its lines as they come, each with its id, and hears when the build has ended", async (t) => {
  const { server, givenBuild } = await given(t);
  const build = await givenBuild("dev");
  await build.print(2);
  const reader = await build.follow(server.alice);
  assert.match(reader.headers.get("content-type") ?? "", /^text\/event-stream/);
  await waitFor("the lines that were there", () => reader.events.length === 2);
  await build.print(1);
  await waitFor("the line that came", () => reader.events.length === 3);
  await build.print(1);
  await build.end();
  await closed(reader);
  assert.deepEqual(outputs(reader.events), ["line 1....", "line 2....", "line 1....", "line 1....", "end"]);
  const listed = (await server.send("GET", build.path, { as: server.alice })).json();
  assert.deepEqual(
    reader.events.slice(0, -1).map(({ id, data }) => [id, data]),
    listed.map((line: { id: number }) => [String(line.id), line]),
  );
  assert.deepEqual(reader.events.at(-1), { id: undefined, name: "end", data: { job_status: "succeeded" } });
});

test("a log of many lines is followed to its end, in order and without gaps", async (t) => {
  const { server, givenBuild } = await given(t);
  const build = await givenBuild("dev");
  await build.print(1_000);
  await build.end();
  const reader = await build.follow(server.alice);
  await closed(reader);
  assert.deepEqual(outputs(reader.events), [
    ...Array.from({ length: 1_000 }, (_, n) => `line ${n + 1}`.padEnd(10, ".")),
    "end",
  ]);
});

test("who connects again goes on after the last line that arrived", async (t) => {
  const { server, givenBuild } = await given(t);
  const build = await givenBuild("dev");
  await build.print(4);
  await build.end();
  const first = await build.follow(server.alice);
  await closed(first);
  const ids = first.events.map(({ id }) => id);
  const after = await build.follow(server.alice, `&after=${ids[1]}`);
  await closed(after);
  assert.deepEqual(outputs(after.events), ["line 3....", "line 4....", "end"]);
  const again = await build.follow(server.alice, `&after=${ids[0]}`, { "last-event-id": ids[2] ?? "" });
  await closed(again);
  assert.deepEqual(outputs(again.events), ["line 4....", "end"]);
  assert.equal((await build.follow(server.alice, "", { "last-event-id": "x" })).status, 400);
});

test("a log is looked at a few times a second for who follows it, and no more once they have gone", async (t) => {
  const { server, givenBuild } = await given(t);
  const [left, other] = [await givenBuild("left"), await givenBuild("other")];
  const startedAt = performance.now();
  const gone = await left.follow(server.alice);
  await waitFor("some looks", () => left.looks() >= 4);
  assert.ok(performance.now() - startedAt >= 3 * 290, "there are pauses between the looks");
  gone.leave();
  await other.follow(server.alice);
  await waitFor("a look", () => other.looks() >= 2);
  const looks = left.looks();
  await waitFor("more looks", () => other.looks() >= 5);
  assert.equal(left.looks(), looks);
});

test("the end of the daemon ends the following at once, also for who does not read", async (t) => {
  const { server, url, givenBuild } = await given(t);
  const [quiet, chatty] = [await givenBuild("quiet"), await givenBuild("chatty")];
  await chatty.print(8_000, 8_000);
  const reader = await quiet.follow(server.alice);
  const socket = connect(Number(new URL(url).port), "127.0.0.1").pause();
  t.after(() => socket.destroy());
  await once(socket, "connect");
  socket.write(
    `GET ${chatty.path}?follow=true HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${server.alice.token}\r\n\r\n`,
  );
  await waitFor("the log to be sent", () => chatty.looks() > 0);
  const looks = quiet.looks();
  await waitFor("the sending to come to rest", () => quiet.looks() >= looks + 4);
  const startedAt = performance.now();
  await server.app.close();
  assert.ok(performance.now() - startedAt < 2_000, "nobody held it up");
  await closed(reader);
  assert.deepEqual(reader.events, []);
});

test("a slow reader is sent no more than it takes, and gets every line in the end", async (t) => {
  const { server, url, givenBuild } = await given(t);
  const [long, other] = [await givenBuild("long"), await givenBuild("other")];
  const lines = 12_000;
  await long.print(lines, 4_000);
  await long.end();
  const { port } = new URL(url);
  const socket = connect(Number(port), "127.0.0.1").pause();
  t.after(() => socket.destroy());
  await once(socket, "connect");
  const { token } = server.alice;
  socket.write(
    `GET ${long.path}?follow=true HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${token}\r\n\r\n`,
  );
  await waitFor("the first lines", () => long.looks() >= 1);
  const bystander = await other.follow(server.alice);
  await waitFor("the sending to come to rest", () => other.looks() >= 4);
  const looks = long.looks();
  assert.ok(looks < lines / 200 / 2, `${looks} looks of 200 lines`);
  let text = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => {
    text += chunk;
  });
  socket.resume();
  await once(socket, "end");
  bystander.leave();
  assert.equal(text.match(/"output":"line \d+\./g)?.length, lines);
  assert.match(text, /event: end\n/);
});

test("who loses the right to read a log is told so within a minute, and gets no more of it", async (t) => {
  const { server, givenBuild } = await given(t);
  const build = await givenBuild("dev");
  const reader = await build.follow(server.alice);
  await waitFor("a look", () => build.looks() >= 1);
  await server.pool.query("delete from api_keys where user_id = $1", [server.alice.id]);
  server.advance(30_000);
  await build.print(1);
  await waitFor("the line", () => reader.events.length === 1);
  server.advance(31_000);
  await closed(reader);
  await build.print(1);
  assert.deepEqual(outputs(reader.events), ["line 1....", "error"]);
  assert.deepEqual(reader.events[1]?.data, { message: "the token is not valid" });
});

test("a connection on which nothing is sent is kept alive by comments", async (t) => {
  const { server, givenBuild } = await given(t);
  const build = await givenBuild("dev");
  const reader = await build.follow(server.alice);
  await waitFor("a look", () => build.looks() >= 2);
  assert.deepEqual(reader.comments, []);
  server.advance(15_000);
  await waitFor("a comment", () => reader.comments.length === 1);
  assert.deepEqual(reader.events, []);
});

test("a log is followed by who may read it, and by nobody else", async (t) => {
  const { server, givenBuild } = await given(t);
  const build = await givenBuild("dev");
  await build.end();
  const auditor = await givenUser(server, { siteRoles: ["auditor"] });
  const admin = await givenUser(server, { siteRoles: ["template-admin"] });
  for (const [as, status] of [
    [server.alice, 200],
    [admin, 200],
    [auditor, 404],
    [server.bob, 404],
    [server.nobody, 404],
    [{ ...server.alice, token: "x" }, 401],
  ] as const) {
    assert.equal((await build.follow(as)).status, status);
  }
});

test("a log is read in pages, forwards after a line and backwards before one", async (t) => {
  const { server, givenBuild } = await given(t);
  const build = await givenBuild("dev");
  await build.print(5);
  const read = (query: string) => server.send("GET", `${build.path}?${query}`, { as: server.alice });
  const ids: number[] = (await read("")).json().map(({ id }: { id: number }) => id);
  const [first, second, , fourth, fifth] = ids;
  for (const [query, expected] of [
    ["limit=2", [0, 1]],
    [`after=${second}&limit=2`, [2, 3]],
    [`before=${fourth}`, [0, 1, 2]],
    [`before=${fourth}&limit=2`, [1, 2]],
    [`after=${first}&before=${fifth}&limit=2`, [1, 2]],
    [`before=${first}`, []],
  ] as const) {
    const lines = (await read(query)).json() as { id: number }[];
    assert.deepEqual(
      lines.map(({ id }) => ids.indexOf(id)),
      expected,
      query,
    );
  }
  for (const query of [
    "limit=0",
    "limit=10001",
    "before=x",
    "after=-1",
    "follow=yes",
    "follow=true&limit=1",
    "after=1e99",
  ]) {
    assert.equal((await read(query)).statusCode, 400, query);
  }
});
