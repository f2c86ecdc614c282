import assert from "node:assert/strict";
import { it, type TestContext } from "node:test";
import type { Context } from "../../src/context.ts";
import { openPool } from "../../src/db/connection.ts";
import { listen } from "../../src/db/listen.ts";
import { startLoop } from "../../src/loop.ts";
import { runPass } from "../../src/prebuilds/reconcile.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { CHANNELS, createWake, type Wake } from "../../src/wake.ts";
import { asking } from "../support/asking.ts";
import { count, type GivenPool, givenContext, silent } from "../support/given.ts";
import { givenReadyPool } from "../support/ready-pool.ts";
import { waitFor } from "../support/wait-for.ts";

const HOUR = 3_600_000;
const SPACING_MS = { least: 25, most: 40 };

type Passes = { readonly startedAt: number; readonly endedAt: number }[];

/** Passes as the leader runs them: when a notification asks for one, with the daemon's own spacing. */
async function givenLeader(t: TestContext, context: Context & { url: string }): Promise<Passes> {
  const passes: Passes = [];
  const loop = startLoop({
    name: "the pass over the pools",
    intervalMs: HOUR,
    spacingMs: SPACING_MS,
    log: silent,
    async work(signal) {
      const startedAt = performance.now();
      await runPass(context, signal);
      passes.push({ startedAt, endedAt: performance.now() });
    },
  });
  const listener = listen({
    url: context.url,
    channels: [CHANNELS.pools],
    log: silent,
    onNotification: loop.poke,
    onSubscribed: loop.poke,
  });
  t.after(async () => {
    await listener[Symbol.asyncDispose]();
    await loop[Symbol.asyncDispose]();
  });
  await waitFor("the listener", () => listener.connected || undefined);
  await waitFor("the loop to rest", () => passes.length >= 2 || undefined);
  return passes;
}

/** What sends the notifications of another replica. */
function otherReplica(t: TestContext, context: { readonly url: string }): Wake {
  const pool = openPool(context.url, silent);
  const wake = createWake(pool, silent);
  t.after(async () => {
    await wake.settled();
    await pool.end();
  });
  return wake;
}

/** Calls `act` with 0, 1, 2, ... evenly over a second, however busy the machine is. */
function overOneSecond(times: number, act: (n: number) => void): Promise<void> {
  const startedAt = performance.now();
  let n = 0;
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      for (const due = ((performance.now() - startedAt) / 1_000) * times; n < Math.min(due, times); n += 1) act(n);
      if (n < times) return;
      clearInterval(timer);
      resolve();
    }, 1);
  });
}

const members = (context: Context, { presetId }: GivenPool) =>
  count(context, "workspaces where preset_id = $1 and owner_id = $2 and not deleted", [
    presetId,
    PREBUILDS_SYSTEM_USER_ID,
  ]);

it("a thousand requests in a second from two replicas are a handful of passes, the last of them after the last request", async (t) => {
  const context = await givenContext(t);
  const pool = await givenReadyPool(t, context, { desired: 200 });
  const wakes = [context.wake, otherReplica(t, context)];
  const passes = await givenLeader(t, context);
  const before = passes.length;
  let lastAt = 0;
  await overOneSecond(1_000, (n) => {
    lastAt = performance.now();
    wakes[n % 2]?.pools();
  });
  await Promise.all(wakes.map((wake) => wake.settled()));
  await waitFor("a pass after the last request", () => passes.some(({ startedAt }) => startedAt > lastAt) || undefined);
  const taken = passes.length - before;
  t.diagnostic(`${taken} passes`);
  assert.ok(taken <= 50, `there were ${taken} passes`);
  assert.equal(await members(context, pool), 200);
});

it("claims by the hundred from two replicas leave a full pool after a handful of passes", async (t) => {
  const context = await givenContext(t);
  const pool = await givenReadyPool(t, context, { desired: 200 });
  const replicas = [context, { ...context, wake: otherReplica(t, context) }];
  const ask = await Promise.all(replicas.map((replica) => asking(replica, pool)));
  const passes = await givenLeader(t, context);
  const before = passes.length;
  const claims: Promise<{ claimed: boolean }>[] = [];
  await overOneSecond(200, (n) => {
    const asked = ask[n % 2]?.();
    if (asked) claims.push(asked);
  });
  const outcomes = await Promise.all(claims);
  assert.equal(outcomes.filter(({ claimed }) => claimed).length, 200);
  await waitFor("the pool to be full again", async () => (await members(context, pool)) === 200 || undefined);
  const taken = passes.length - before;
  t.diagnostic(`${taken} passes`);
  assert.ok(taken <= 50, `there were ${taken} passes`);
});

it("a lone claim is made up for without waiting for the interval", async (t) => {
  const context = await givenContext(t);
  const pool = await givenReadyPool(t, context, { desired: 1 });
  const passes = await givenLeader(t, context);
  const ask = await asking(context, pool);
  const restedFor = () => performance.now() - (passes.at(-1)?.endedAt ?? 0);
  await waitFor("the loop to have rested", () => restedFor() > 2 * SPACING_MS.most || undefined);
  assert.ok((await ask()).claimed);
  await waitFor("the refill", async () => (await members(context, pool)) === 1 || undefined);
});
