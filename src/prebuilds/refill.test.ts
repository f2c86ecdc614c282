import assert from "node:assert/strict";
import { it } from "node:test";
import { planPreset } from "./plan.ts";
import { createRefillWatch } from "./refill.ts";
import { at, prebuild, preset, SETTINGS } from "./snapshot.fixture.ts";
import type { PresetSnapshot } from "./snapshot.ts";

/** What the watch says in passes at so many seconds, each over one pool. */
function watched(...passes: readonly [seconds: number, pool: Partial<PresetSnapshot>][]): number[][] {
  const watch = createRefillWatch();
  return passes.map(([seconds, given]) => {
    const pool = preset(given);
    return watch([{ pool, plan: planPreset(pool, SETTINGS, at(seconds)) }], at(seconds));
  });
}

const short: Partial<PresetSnapshot> = {};
const full: Partial<PresetSnapshot> = { running: [prebuild("a")] };

it("a refill takes from the first pass that found the pool short to the one that found it full", () => {
  assert.deepEqual(watched([0, short], [5, short], [30, full], [60, full]), [[], [], [30], []]);
});

it("a pool that was full in the first pass has not been refilled", () => {
  assert.deepEqual(watched([0, full], [10, full]), [[], []]);
});

it("the time that a pool was paused, or not kept, is not the time that filling it took", () => {
  for (const away of [{ paused: true }, { deprecated: true }]) {
    assert.deepEqual(watched([0, short], [10, { ...short, ...away }], [60, short], [65, full]), [[], [], [], [5]]);
  }
});
