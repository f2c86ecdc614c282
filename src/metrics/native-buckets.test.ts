import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../prebuilds/world-events.fixture.ts";
import { nativeBucket, spansOf, ZERO_THRESHOLD } from "./native-buckets.ts";

const SEED = Number(process.env["PREBUILDD_TEST_SEED"] ?? 20_250_602);

test("the bucket of a value is the one between whose limits it lies, as the format of native histograms has it", () => {
  const random = createRandom(SEED);
  for (let n = 0; n < 20_000; n += 1) {
    // From nanoseconds to years, evenly over the logarithm; every tenth is a limit or right beside one.
    const exact = Math.floor(random() * 440) - 240;
    const value = n % 10 === 0 ? 2 ** (exact / 8) * (1 + (n % 3) * Number.EPSILON) : 2 ** (random() * 55 - 30);
    const index = nativeBucket(value) ?? Number.NaN;
    assert.ok(2 ** ((index - 1) / 8) < value && value <= 2 ** (index / 8), `${value} in ${index} (seed ${SEED})`);
  }
});

test("buckets have the limits that Prometheus gives them: 1 is one, and each power of two is divided into eight", () => {
  const table: readonly [number, number | undefined][] = [
    [0, undefined],
    [ZERO_THRESHOLD, undefined],
    [ZERO_THRESHOLD * 1.01, -1023],
    [0.5, -8],
    [0.5452538663326287, -7],
    [0.917, -1],
    [0.91701, 0],
    [1, 0],
    [1.0000000000000002, 1],
    [1.0905, 1],
    [1.0906, 2],
    [1.189207115002721, 2],
    [2, 8],
    [60, 48],
    [64, 48],
    [3_600, 95],
  ];
  for (const [value, index] of table) assert.ok(nativeBucket(value) === index, `${value} in ${nativeBucket(value)}`);
});

test("buckets become spans without the empty ones between them, and counts the differences to the one before", () => {
  assert.deepEqual(spansOf({}), { spans: [], deltas: [] });
  assert.deepEqual(spansOf({ "10": 4, "-3": 1, "-2": 3, "11": 4, "0": 7 }), {
    spans: [
      { offset: -3, length: 2 },
      { offset: 1, length: 1 },
      { offset: 9, length: 2 },
    ],
    deltas: [1, 2, 4, -3, 0],
  });
});
