import assert from "node:assert/strict";
import { it } from "node:test";
import { createLogger } from "./log.ts";
import { startLoop } from "./loop.ts";

const log = createLogger("silent", process.stderr);
const HOUR = 3_600_000;

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

it("a thousand pokes in a row are a handful of runs", async () => {
  let runs = 0;
  const settled = Promise.withResolvers<void>();
  await using loop = startLoop({
    name: "test",
    intervalMs: HOUR,
    spacingMs: 25,
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
