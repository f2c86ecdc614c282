import assert from "node:assert/strict";
import { it } from "node:test";
import { type Action, planPreset } from "../../src/prebuilds/plan.ts";
import { preset, SETTINGS, state, T } from "../../src/prebuilds/snapshot.fixture.ts";
import type { PresetSnapshot } from "../../src/prebuilds/snapshot.ts";
import type { PoolState } from "../../src/prebuilds/state.ts";

/** One pool, and what is to be counted and planned of it. */
export type PlanCase = {
  readonly says: string;
  readonly given: Partial<PresetSnapshot>;
  readonly state: Partial<PoolState>;
  readonly actions: readonly Action[];
  readonly now?: Date;
};

/** A test of each case. */
export function testPlans(cases: readonly PlanCase[]): void {
  for (const { says, given, state: numbers, actions, now } of cases) {
    it(says, () => {
      const plan = planPreset(preset(given), SETTINGS, now ?? T);
      assert.deepEqual(plan.state, state(numbers));
      assert.deepEqual(plan.actions, actions);
    });
  }
}
