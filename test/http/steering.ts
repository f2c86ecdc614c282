import { randomUUID } from "node:crypto";
import type { TestContext } from "node:test";
import type { PoolView } from "../../src/prebuilds/status.ts";
import { CHANNELS } from "../../src/wake.ts";
import { waitFor } from "../support/wait-for.ts";
import { startTestServer, type TestServer, type TestUser } from "./server.ts";
import { givenTemplate, type TestTemplate } from "./world.ts";

/** A server with a template whose preset `small` has a pool of three. */
export async function givenServer(t: TestContext): Promise<{ server: TestServer; template: TestTemplate }> {
  const server = await startTestServer(t);
  return { server, template: await givenTemplate(server) };
}

/** Counts the notifications that wake the pools, from now on. */
export async function countWakes(t: TestContext, server: TestServer): Promise<() => Promise<number>> {
  await server.context.wake.settled();
  const client = await server.pool.connect();
  t.after(() => client.release(true));
  const heard: string[] = [];
  client.on("notification", ({ payload = "" }) => heard.push(payload));
  await client.query(`listen ${CHANNELS.pools}`);
  return async () => {
    await server.context.wake.settled();
    // Notifications come in the order in which they were sent, so nothing is on its way once this one is here.
    const mark = randomUUID();
    await server.pool.query("select pg_notify($1, $2)", [CHANNELS.pools, mark]);
    await waitFor("the mark", () => heard.includes(mark));
    return heard.filter((payload) => payload === "").length;
  };
}

/** The pools that a user sees. */
export async function poolsSeenBy(user: TestUser, server: TestServer): Promise<PoolView[]> {
  return (await server.send("GET", "/api/v2/prebuilds/pools", { as: user })).json();
}
