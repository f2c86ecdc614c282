import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ClockState, JUMP_GRACE_MS, JUMP_MS, observeClock, steadyTime } from "./clock-jump.ts";
import { HOUR, MINUTE, T } from "./workspace.fixture.ts";

/** Two clocks of which the wall clock can be set, and what is known about them. */
function createClocks() {
  let wallMs = T.getTime();
  let monotonicMs = 12_345;
  let state: ClockState | undefined;
  const read = (): ClockState => {
    const seen = observeClock(state, { wallMs, monotonicMs });
    assert.ok(steadyTime(seen) <= wallMs, "the steady time is never after the wall clock's");
    state = seen;
    return seen;
  };
  read();
  return {
    /** Lets time pass, sets the wall clock by so much more, and reads both. */
    pass(ms: number, setBy = 0): { wall: number; steady: number; jumped: number } {
      wallMs += ms + setBy;
      monotonicMs += ms;
      const seen = read();
      const since = (instant: number) => (instant - T.getTime()) / MINUTE;
      return { wall: since(wallMs), steady: since(steadyTime(seen)), jumped: seen.jumpedMs / MINUTE };
    },
  };
}

describe("a wall clock", () => {
  it("is believed when it is read first", () => {
    assert.equal(steadyTime(observeClock(undefined, { wallMs: T.getTime(), monotonicMs: 5 })), T.getTime());
  });

  it("that jumps five hours ahead makes nothing due until it has stayed there for half an hour", () => {
    const clocks = createClocks();
    clocks.pass(MINUTE);
    assert.deepEqual(clocks.pass(MINUTE, 5 * HOUR), { wall: 302, steady: 2, jumped: 300 });
    assert.deepEqual(clocks.pass(MINUTE), { wall: 303, steady: 3, jumped: 0 });
    assert.deepEqual(clocks.pass(JUMP_GRACE_MS - MINUTE - 1).steady.toFixed(3), "32.000");
    assert.deepEqual(clocks.pass(1), { wall: 332, steady: 332, jumped: 0 });
    assert.deepEqual(clocks.pass(MINUTE), { wall: 333, steady: 333, jumped: 0 });
  });

  it("that jumps five hours back is believed at once", () => {
    const clocks = createClocks();
    assert.deepEqual(clocks.pass(MINUTE, -5 * HOUR), { wall: -299, steady: -299, jumped: -300 });
    assert.deepEqual(clocks.pass(MINUTE), { wall: -298, steady: -298, jumped: 0 });
  });

  it("that jumps ahead and back again has never made anything due", () => {
    const clocks = createClocks();
    clocks.pass(MINUTE, 5 * HOUR);
    assert.deepEqual(clocks.pass(10 * MINUTE, -5 * HOUR), { wall: 11, steady: 11, jumped: -300 });
    assert.deepEqual(clocks.pass(MINUTE), { wall: 12, steady: 12, jumped: 0 });
  });

  it("that comes back to a little before the old time goes on from there, without waiting", () => {
    const clocks = createClocks();
    clocks.pass(MINUTE, 5 * HOUR);
    assert.deepEqual(clocks.pass(MINUTE, -5 * HOUR - 2 * MINUTE), { wall: 0, steady: 0, jumped: -302 });
  });

  it("that comes back to a little after the old time ends the matter", () => {
    const clocks = createClocks();
    clocks.pass(MINUTE, 5 * HOUR);
    assert.deepEqual(clocks.pass(MINUTE, -5 * HOUR + 2 * MINUTE), { wall: 4, steady: 2, jumped: -298 });
    assert.deepEqual(clocks.pass(MINUTE), { wall: 5, steady: 5, jumped: 0 });
  });

  it("that comes back half of the way must stay there for another half hour", () => {
    const clocks = createClocks();
    clocks.pass(MINUTE, 5 * HOUR);
    clocks.pass(20 * MINUTE);
    assert.deepEqual(clocks.pass(MINUTE, -2 * HOUR), { wall: 202, steady: 22, jumped: -120 });
    assert.equal(clocks.pass(29 * MINUTE).steady, 51);
    assert.deepEqual(clocks.pass(MINUTE), { wall: 232, steady: 232, jumped: 0 });
  });

  it("that jumps ahead twice must stay for half an hour after the second time", () => {
    const clocks = createClocks();
    clocks.pass(MINUTE, HOUR);
    clocks.pass(20 * MINUTE, HOUR);
    assert.equal(clocks.pass(20 * MINUTE).steady, 41);
    assert.equal(clocks.pass(10 * MINUTE).steady, 171);
  });

  it("that jumps far back while it is in doubt is believed at once", () => {
    const clocks = createClocks();
    clocks.pass(MINUTE, HOUR);
    assert.deepEqual(clocks.pass(MINUTE, -5 * HOUR), { wall: -238, steady: -238, jumped: -300 });
  });

  it("jumps when it has moved by more than five minutes, and not when by five", () => {
    assert.deepEqual(createClocks().pass(MINUTE, JUMP_MS), { wall: 6, steady: 6, jumped: 0 });
    assert.deepEqual(createClocks().pass(MINUTE, -JUMP_MS), { wall: -4, steady: -4, jumped: 0 });
    const { steady } = createClocks().pass(MINUTE, JUMP_MS + 1);
    assert.equal(steady, 1);
  });

  it("that is slewed by 500 ppm for a month never jumps, in either direction", () => {
    for (const share of [0.0005, -0.0005]) {
      const clocks = createClocks();
      for (let minute = 0; minute < 30 * 24 * 60; minute += 1) {
        const { wall, steady, jumped } = clocks.pass(MINUTE, MINUTE * share);
        assert.equal(jumped, 0);
        assert.equal(steady, wall);
      }
    }
  });

  it("has not jumped when the process has stood still for hours", () => {
    assert.deepEqual(createClocks().pass(5 * HOUR), { wall: 300, steady: 300, jumped: 0 });
  });
});
