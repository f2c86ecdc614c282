import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { contains, parseCronRange } from "../prebuilds/cron-range.ts";
import { localMinute, offsetAt } from "../prebuilds/local-time.ts";
import { createRandom } from "../prebuilds/world-events.fixture.ts";
import { nextStart } from "./autostart.ts";
import { ALL_DAYS } from "./days.ts";
import { DAY, MINUTE, template } from "./workspace.fixture.ts";

/** Each case has a seed of its own: this one plus its number. */
const SEED = Number(process.env["PREBUILDD_TEST_SEED"] ?? 20_250_602);
const CASES = 100;
const ASKED = 20;

/** When clocks are set forward or back, or nothing happens to them. */
const CHANGES: [zone: string, at: string][] = [
  ["Europe/Berlin", "2024-03-31T01:00Z"],
  ["Europe/Berlin", "2024-10-27T01:00Z"],
  ["America/New_York", "2024-03-10T07:00Z"],
  ["America/New_York", "2024-11-03T06:00Z"],
  ["America/St_Johns", "2024-03-10T05:30Z"],
  ["America/Havana", "2024-03-10T05:00Z"],
  ["America/Havana", "2024-11-03T05:00Z"],
  ["Australia/Lord_Howe", "2024-04-06T15:00Z"],
  ["Australia/Lord_Howe", "2024-10-05T15:30Z"],
  ["Africa/Cairo", "2024-04-25T22:00Z"],
  ["Africa/Cairo", "2024-10-31T21:00Z"],
  ["Pacific/Apia", "2011-12-30T10:00Z"],
  ["Asia/Kolkata", "2024-06-01T00:00Z"],
  ["UTC", "2024-02-29T00:00Z"],
];

type Random = ReturnType<typeof createRandom>;

const pick = <T>(random: Random, list: readonly [T, ...T[]]): T => list[Math.floor(random() * list.length)] ?? list[0];
const below = (random: Random, count: number): number => Math.floor(random() * count);

function randomCron(random: Random): string {
  const [minute, hour] = [below(random, 60), below(random, 24)];
  const night = below(random, 4);
  const day = 1 + below(random, 31);
  const weekday = below(random, 7);
  return [
    pick(random, [`${minute}`, `${minute}`, "*", "*/15", `${minute},59`, "0-10/5"]),
    pick(random, [`${hour}`, `${night}`, `${night}`, `${night},${hour}`, "*", "*/6", "0-3"]),
    pick(random, ["*", "*", "*", `${day}`, `${day},${1 + (day % 31)}`]),
    pick(random, ["*", "*", "*", `${1 + below(random, 12)}`]),
    pick(random, ["*", "*", `${weekday}`, `${Math.min(weekday, 4)}-6`, "1-5"]),
  ].join(" ");
}

/**
 * Every start between two instants, found by watching the clocks: at each minute, all times come that they have not
 * shown before, which are several after a gap and none in a repeated hour.
 */
function watch(cron: string, timezone: string, days: number, from: number, to: number): number[] {
  const range = parseCronRange(cron);
  if (typeof range === "string") return [];
  const wallAt = (instant: number) => instant + offsetAt(timezone, instant) * MINUTE;
  const isAllowed = (wall: number) => (days & (1 << ((new Date(wall).getUTCDay() + 6) % 7))) !== 0;
  const starts: number[] = [];
  let shown = wallAt(from - DAY);
  for (let instant = from - DAY + MINUTE; instant <= to; instant += MINUTE) {
    const wall = wallAt(instant);
    let comes = false;
    for (; shown < wall; shown += MINUTE) {
      comes ||= contains(range, localMinute(shown + MINUTE, 0)) && isAllowed(shown + MINUTE);
    }
    if (comes && isAllowed(wall) && instant >= from) starts.push(instant);
  }
  return starts;
}

describe("the next start of any schedule in any zone", () => {
  it("is the one that watching the clocks finds, within a week before and after they are changed", () => {
    let found = 0;
    for (let number = 0; number < CASES; number += 1) {
      const random = createRandom(SEED + number);
      const [timezone, change] = pick(random, CHANGES as [(typeof CHANGES)[number]]);
      const cron = randomCron(random);
      const days = pick(random, [ALL_DAYS, ALL_DAYS, below(random, 128), 31]);
      const [from, to] = [Date.parse(change) - 7 * DAY, Date.parse(change) + 7 * DAY];
      const starts = watch(cron, timezone, days, from, to);
      const w = {
        autostartSchedule: `CRON_TZ=${timezone} ${cron}`,
        template: template({ autostartDays: days }),
      };
      for (let asked = 0; asked < ASKED; asked += 1) {
        const near = asked % 2 === 0 ? 7 * DAY : DAY;
        const exact = Date.parse(change) - near + below(random, 2 * near);
        const after = asked % 4 < 2 ? exact : Math.floor(exact / MINUTE) * MINUTE;
        const expected = starts.find((start) => start > after);
        const actual = nextStart(w, new Date(after))?.getTime();
        const where = `seed ${SEED + number}: ${w.autostartSchedule}, days ${days}, after ${new Date(after).toISOString()}`;
        if (expected === undefined) assert.ok(actual === undefined || actual > to, where);
        else assert.equal(actual && new Date(actual).toISOString(), new Date(expected).toISOString(), where);
        if (expected !== undefined) found += 1;
      }
    }
    assert.ok(found > (CASES * ASKED) / 2, "most questions have an answer within the two weeks");
  });
});
