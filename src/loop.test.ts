import assert from "node:assert/strict";
import { it } from "node:test";
import { createLogger } from "./log.ts";
import { startLoop } from "./loop.ts";

const log = createLogger("silent", process.stderr);
const HOUR = 3_600_000;
/** A timer may go off a little before its time on the finer clock. */
const TIMER_EARLY_MS = 2;

const gapsBetween = (times: readonly number[]) => times.slice(1).map((time, index) => time - (times[index] ?? 0));

it("a loop runs at once, and again for all the pokes that came while it was running", async () => {
  let runs = 0;
  const runAgain = Promise.withResolvers<void>();
  const first = Promise.withResolvers<void>();
  await using loop = startLoop({
    name: "test",
    intervalMs: HOUR,
    log,
    async work() {
      runs += 1;
      if (runs === 1) await first.promise;
      else runAgain.resolve();
    },
  });
  for (let n = 0; n < 1_000; n += 1) loop.poke();
  first.resolve();
  await runAgain.promise;
  assert.equal(runs, 2);
});

it("a run that is due before the interval is over comes when it is due", async () => {
  let runs = 0;
  const again = Promise.withResolvers<void>();
  await using _loop = startLoop({
    name: "test",
    intervalMs: HOUR,
    log,
    async work() {
      runs += 1;
      if (runs === 2) again.resolve();
    },
    dueInMs: () => (runs === 1 ? 5 : undefined),
  });
  await again.promise;
  assert.equal(runs, 2);
});

it("a thousand pokes in a row are a handful of runs", async () => {
  let runs = 0;
  const settled = Promise.withResolvers<void>();
  await using loop = startLoop({
    name: "test",
    intervalMs: HOUR,
    spacingMs: { least: 25, most: 60 },
    log,
    async work() {
      runs += 1;
      if (runs === 3) settled.resolve();
    },
  });
  const poking = setInterval(() => {
    for (let n = 0; n < 100; n += 1) loop.poke();
  }, 1);
  await settled.promise;
  clearInterval(poking);
  assert.equal(runs, 3);
});

it("while pokes keep coming the runs are further and further apart, up to the most", async () => {
  const startedAt: number[] = [];
  const enough = Promise.withResolvers<void>();
  await using loop = startLoop({
    name: "test",
    intervalMs: HOUR,
    spacingMs: { least: 10, most: 40 },
    log,
    async work() {
      startedAt.push(performance.now());
      if (startedAt.length === 8) enough.resolve();
    },
  });
  const poking = setInterval(loop.poke, 1);
  await enough.promise;
  clearInterval(poking);
  const gaps = gapsBetween(startedAt);
  for (const [index, least] of [10, 20, 40, 40, 40, 40, 40].entries()) {
    assert.ok((gaps[index] ?? 0) > least - TIMER_EARLY_MS, `gap ${index + 1} of ${gaps}`);
  }
  assert.ok(Math.min(...gaps.slice(4)) < 120, `the gaps do not grow for ever: ${gaps}`);
});

it("after a run that nobody asked to be followed by another one, the runs of the next burst are close again", async () => {
  const startedAt: number[] = [];
  const enough = Promise.withResolvers<void>();
  await using loop = startLoop({
    name: "test",
    intervalMs: 1,
    spacingMs: { least: 5, most: 1_000 },
    log,
    async work() {
      startedAt.push(performance.now());
      await Promise.resolve(); // the first run begins before the loop is there
      if (startedAt.length <= 5) loop.poke();
      if (startedAt.length === 8) enough.resolve();
    },
  });
  await enough.promise;
  // Five pokes make 5, 10, 20, 40, 80 and 160 ms; the last of them follows the first quiet run.
  const gaps = gapsBetween(startedAt);
  assert.ok((gaps[5] ?? 0) > 160 - TIMER_EARLY_MS, `the gaps were ${gaps}`);
  assert.ok((gaps[6] ?? 0) < 160, `the gaps were ${gaps}`);
});

it("a poke that comes when the loop has rested starts a run at once", async (t) => {
  let ranAt = 0;
  await using loop = startLoop({
    name: "test",
    intervalMs: HOUR,
    spacingMs: { least: 150, most: 300 },
    log,
    async work() {
      ranAt = performance.now();
    },
  });
  await t.waitFor(() => assert.ok(loop.idleMs() > 200));
  const pokedAt = performance.now();
  loop.poke();
  await t.waitFor(() => assert.ok(ranAt > pokedAt));
  assert.ok(ranAt - pokedAt < 100, `it took ${ranAt - pokedAt} ms`);
});

it("a run that takes long is followed by a rest twice as long, also when it is poked meanwhile", async (t) => {
  const runs: { startedAt: number; endedAt: number }[] = [];
  await using loop = startLoop({
    name: "test",
    intervalMs: HOUR,
    spacingMs: { least: 5, most: 10 },
    log,
    async work() {
      const startedAt = performance.now();
      await t.waitFor(() => assert.ok(performance.now() - startedAt > 80));
      loop.poke();
      runs.push({ startedAt, endedAt: performance.now() });
    },
  });
  await t.waitFor(() => assert.ok(runs.length > 1));
  const [first, second] = runs;
  assert.ok(first && second);
  assert.ok(second.startedAt - first.endedAt > 2 * (first.endedAt - first.startedAt) - TIMER_EARLY_MS);
});

it("a loop whose work fails goes on", async () => {
  let runs = 0;
  const second = Promise.withResolvers<void>();
  await using _loop = startLoop({
    name: "test",
    intervalMs: 1,
    log,
    async work() {
      runs += 1;
      if (runs === 1) throw new Error("once");
      second.resolve();
    },
  });
  await second.promise;
});

it("stopping a loop aborts its work and waits for it", async () => {
  let ended = false;
  const loop = startLoop({
    name: "test",
    intervalMs: HOUR,
    log,
    work: (signal) =>
      new Promise((resolve) => {
        signal.addEventListener("abort", () => {
          ended = true;
          resolve();
        });
      }),
  });
  await loop[Symbol.asyncDispose]();
  assert.ok(ended);
});

it("a loop that is stuck shows how long it has been idle", async (t) => {
  const stuck = Promise.withResolvers<void>();
  await using loop = startLoop({ name: "test", intervalMs: 1, log, work: () => stuck.promise });
  await t.waitFor(() => assert.ok(loop.idleMs() > 20));
  stuck.resolve();
});
