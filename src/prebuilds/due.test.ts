import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { nextDueAt } from "./due.ts";
import { planPreset } from "./plan.ts";
import { preset, SETTINGS } from "./snapshot.fixture.ts";
import type { PresetSnapshot } from "./snapshot.ts";

const NOW = new Date("2025-06-02T08:59:30Z");
const IN_A_MINUTE = new Date("2025-06-02T09:00:30Z");
const at = (text: string) => new Date(`2025-06-02T${text}Z`);
const WORKDAY = { timezone: "UTC", schedule: [{ cron: "* 9-18 * * *", instances: 3 }] };

const due = (...given: Partial<PresetSnapshot>[]) =>
  nextDueAt(
    given.map((one) => {
      const pool = preset(one);
      return { pool, plan: planPreset(pool, SETTINGS, NOW) };
    }),
    NOW,
    IN_A_MINUTE,
  );

describe("the time at which pools need something although nothing happens", () => {
  it("is when a schedule changes the size", () => {
    assert.deepEqual(due({ scheduling: WORKDAY }), at("09:00:00"));
  });

  it("is right after the last instant of a backoff, if that comes first", () => {
    const backoff = { numFailed: 1, lastBuildAt: at("08:59:29") };
    assert.deepEqual(due({ scheduling: WORKDAY }, { backoff }), new Date(at("08:59:34").getTime() + 1));
  });

  it("is never for pools that nothing holds back, that are paused or that are no longer kept", () => {
    const backoff = { numFailed: 1, lastBuildAt: at("08:59:29") };
    assert.equal(
      due({}, { paused: true, backoff, scheduling: WORKDAY }, { active: false, scheduling: WORKDAY }),
      undefined,
    );
  });

  it("is not told when it is later than the time asked about", () => {
    assert.equal(due({ scheduling: { ...WORKDAY, schedule: [{ cron: "* 10 * * *", instances: 3 }] } }), undefined);
  });
});
