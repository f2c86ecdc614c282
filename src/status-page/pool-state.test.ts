import assert from "node:assert/strict";
import { it } from "node:test";
import type { PoolView } from "../prebuilds/status.ts";
import { headlineOf, orderOf, sentenceOf, stateOf, totalsOf } from "./pool-state.ts";

const FULL: PoolView = {
  preset_id: "p",
  preset_name: "small",
  template_id: "t",
  template_name: "devbox",
  organization_id: "o",
  organization_name: "default",
  template_version_id: "v",
  desired: 2,
  actual: 2,
  expired: 0,
  eligible: 2,
  extraneous: 0,
  starting: 0,
  stopping: 0,
  deleting: 0,
  active: true,
  status: "healthy",
  status_since: null,
  status_detail: "",
  paused: null,
  failed: 0,
  delete_failed: 0,
  scheduling: null,
  reasons: [],
  failures: [],
  actions: [],
};
const short = (reason: string): PoolView => ({ ...FULL, eligible: 1, reasons: [{ reason, count: 1 }] });
const PAUSED: PoolView = { ...FULL, paused: { at: "2025-06-02T09:00:00Z", by: "admin", scope: "pool" } };
const STOPPED: PoolView = { ...short("hard_limited"), status: "hard_limited" };

it("a pool's state is the most urgent of what is true of it", () => {
  for (const [pool, state] of [
    [FULL, "full"],
    [{ ...FULL, desired: 0, eligible: 0 }, "full"],
    [short("building"), "filling"],
    [short("not_ready"), "filling"],
    [short("below_target"), "filling"],
    [short("recent_failures"), "short"],
    [short("capped"), "short"],
    [PAUSED, "paused"],
    [STOPPED, "stopped"],
    [{ ...STOPPED, paused: PAUSED.paused }, "stopped"],
    [{ ...STOPPED, active: false }, "retiring"],
  ] as const) {
    assert.equal(stateOf(pool), state);
  }
  const sorted = [FULL, PAUSED, STOPPED, short("capped"), short("building")].map(orderOf).sort();
  assert.deepEqual(
    sorted.map((order) => order[0]),
    ["0", "1", "2", "3", "4"],
  );
});

it("the sentence and the headline name what is urgent first, and say when all is well", () => {
  for (const [pools, sentence, headline] of [
    [[], "There are no pools.", "no pools"],
    [[FULL], "The pool is full.", "1 of 1 pools full"],
    [[FULL, FULL], "All 2 pools are full.", "2 of 2 pools full"],
    [[PAUSED, PAUSED], "All 2 pools are paused.", "2 of 2 pools paused"],
    [[FULL, short("building")], "Of 2 pools, 1 is filling.", "1 of 2 pools filling"],
    [[FULL, STOPPED], "Of 2 pools, 1 is stopped.", "1 of 2 pools stopped"],
    [[STOPPED, short("capped"), PAUSED, FULL], "Of 4 pools, 1 is stopped, 1 short and 1 paused.", "2 of 4 pools short"],
  ] as const) {
    const totals = totalsOf(pools);
    assert.deepEqual([sentenceOf(totals), headlineOf(totals)], [sentence, headline]);
  }
});

it("a pool that has too many does not make up for one that has too few", () => {
  const { missing, ready, desired } = totalsOf([
    { ...FULL, eligible: 5 },
    { ...short("building"), eligible: 0 },
  ]);
  assert.deepEqual([missing, ready, desired], [2, 5, 4]);
});
