import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type pg from "pg";
import { createRandom } from "../../src/prebuilds/world-events.fixture.ts";
import { everyRoute } from "./api-routes.ts";
import { givenApiWorld } from "./api-world.ts";
import { fingerprint } from "./fingerprint.ts";
import { fuzzRequest } from "./fuzz-requests.ts";
import { bytesOf, type RawAnswer, sendBytes } from "./raw-http.ts";
import { pick } from "./schema-values.ts";

/** Each round, which has a server of its own, has a seed of its own: this one plus its number. */
const SEED = Number(process.env["PREBUILDD_TEST_SEED"] ?? 20_250_602);
/** For how long rounds are begun. */
const SECONDS = Number(process.env["PREBUILDD_TEST_FUZZ_SECONDS"] ?? 3);
/** So few that what is deleted is there again soon. */
const REQUESTS = 150;
/** What nobody but us has any use for: places in the source, statements, and names of the database's own. */
const INSIDES =
  /\n\s+at |node_modules|file:\/\/|\.[jt]s:\d|syntax error|violates|relation "|column "|\bselect\b.*\bfrom\b|pg_catalog/i;

/** What is wrong with an answer as such. */
function wrongWith({ status, contentType, body }: RawAnswer, isHead: boolean): string | undefined {
  if (status >= 500) return "it is our fault";
  if (status < 400 || isHead) return undefined;
  if (!contentType.startsWith("application/json")) return `it is ${contentType || "of no type"}`;
  if (INSIDES.test(body)) return "it shows our insides";
  const { message, ...rest } = parsed(body) ?? {};
  if (typeof message !== "string" || message === "") return "it says nothing";
  const others = Object.keys(rest).filter((key) => key !== "detail" && key !== "validations");
  return others.length === 0 ? undefined : `it has ${others}`;
}

function parsed(body: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** When the same comes twice, nobody has written anything in between; the reverse does not follow. */
async function lastWrite(pool: pg.Pool): Promise<string> {
  const { rows } = await pool.query("select pg_snapshot_xmax(pg_current_snapshot())::text as last");
  return rows[0].last;
}

/** Sends a server of its own requests that follow from the seed; returns how many it answered with which status. */
async function round(t: TestContext, seed: number): Promise<Map<string, number>> {
  const random = createRandom(seed);
  const world = await givenApiWorld(t);
  const { app, pool, logged, admin, alice, nobody } = world.server;
  const routes = await everyRoute(world.server);
  const [first = assert.fail(), ...others] = routes;
  const port = Number(new URL(await app.listen({ host: "127.0.0.1", port: 0 })).port);
  const seen = new Map<string, number>();
  let rows = await fingerprint(pool);
  for (let number = 0; number < REQUESTS; number += 1) {
    const token = pick(random, [admin, admin, admin, alice, alice, nobody, undefined])?.token;
    const route = pick(random, [first, ...others]);
    const request = fuzzRequest(random, route, world, token);
    const bytes = bytesOf(request);
    const before = await lastWrite(pool);
    const answer = await sendBytes(port, bytes);
    const report = () =>
      `PREBUILDD_TEST_SEED=${seed} begins with this round; request ${number}, ${route.name}:\n` +
      `${bytes.toString().slice(0, 3_000)}\n--- was answered with ${answer.status} ${answer.body.slice(0, 1_000)}`;
    assert.equal(wrongWith(answer, request.method === "HEAD"), undefined, report());
    assert.deepEqual(
      logged.filter(({ level }) => Number(level) >= 50),
      [],
      report(),
    );
    if (answer.status < 400) rows = await fingerprint(pool);
    else if (before !== (await lastWrite(pool))) {
      assert.deepEqual(await fingerprint(pool), rows, `it has changed something all the same\n${report()}`);
    }
    const kind = `${Math.floor(answer.status / 100)}xx`;
    seen.set(kind, (seen.get(kind) ?? 0) + 1);
  }
  return seen;
}

test("whatever is sent, the answer is never our fault, never shows our insides, and a refusal changes nothing", async (t) => {
  const startedAt = performance.now();
  const counts: Record<string, number> = {};
  let rounds = 0;
  while (rounds === 0 || performance.now() - startedAt < SECONDS * 1_000) {
    const seed = SEED + rounds;
    await t.test(`seed ${seed}`, async (one) => {
      for (const [kind, count] of await round(one, seed)) counts[kind] = (counts[kind] ?? 0) + count;
    });
    rounds += 1;
  }
  t.diagnostic(`the seed is ${SEED}; ${rounds} rounds, answers: ${JSON.stringify(counts)}`);
});
