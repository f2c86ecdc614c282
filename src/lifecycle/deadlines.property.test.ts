import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createRandom } from "../prebuilds/world-events.fixture.ts";
import { bumpedDeadline } from "./activity.ts";
import { nextStart } from "./autostart.ts";
import { deadlinesFrom, nextRequiredStop, ttlOf } from "./deadlines.ts";
import type { WorkspaceLifecycle } from "./facts.ts";
import { nextQuietHours, quietHoursOf } from "./quiet-hours.ts";
import { DAY, HOUR, MINUTE, T, workspace } from "./workspace.fixture.ts";

/** Each workspace has a seed of its own: this one plus its number. */
const SEED = Number(process.env["PREBUILDD_TEST_SEED"] ?? 20_250_602);
const WORKSPACES = 1_000;
const USES = 20;
const ZONES = [
  "UTC",
  "Europe/Berlin",
  "America/New_York",
  "Australia/Lord_Howe",
  "Asia/Kolkata",
  "Africa/Cairo",
] as const;

type Random = ReturnType<typeof createRandom>;
const below = (random: Random, count: number): number => Math.floor(random() * count);
/** Nothing, or up to so many minutes. */
const maybe = (random: Random, minutes: number): number => (random() < 0.4 ? 0 : MINUTE * (1 + below(random, minutes)));

function randomWorkspace(random: Random): WorkspaceLifecycle {
  const zone = () => ZONES[below(random, ZONES.length)];
  const time = () => `${below(random, 60)} ${below(random, 24)} * *`;
  const maxTtlMs = maybe(random, 3 * 24 * 60);
  return workspace({
    quietHoursSchedule: random() < 0.5 ? "" : `CRON_TZ=${zone()} ${time()} *`,
    autostartSchedule: random() < 0.3 ? null : `CRON_TZ=${zone()} ${time()} ${random() < 0.5 ? "*" : "1-5"}`,
    ttlMs: maybe(random, 2 * 24 * 60),
    template: {
      defaultTtlMs: maxTtlMs === 0 ? maybe(random, 24 * 60) : maxTtlMs,
      maxTtlMs,
      activityBumpMs: maybe(random, 12 * 60),
      allowUserAutostop: random() < 0.8,
      allowUserAutostart: random() < 0.8,
      autostartDays: below(random, 128),
      autostopRequirement: { days: random() < 0.5 ? 0 : below(random, 128), weeks: 1 + below(random, 4) },
    },
  });
}

/** For every workspace, whatever its settings, from a time within a year. */
function forEachWorkspace(look: (w: WorkspaceLifecycle, now: Date, random: Random, where: string) => void): void {
  for (let number = 0; number < WORKSPACES; number += 1) {
    const random = createRandom(SEED + number);
    const w = randomWorkspace(random);
    const now = new Date(T.getTime() + below(random, 365 * DAY));
    look(w, now, random, `seed ${SEED + number}: ${now.toISOString()} ${JSON.stringify(w)}`);
  }
}

describe("deadlines of any workspace", () => {
  it("are after its start, in order, and leave it running through its next start", () => {
    forEachWorkspace((w, now, _random, where) => {
      const { deadline, maxDeadline } = deadlinesFrom(w, now);
      const ttl = ttlOf(w);
      assert.equal(deadline === null, ttl === null && maxDeadline === null, where);
      if (maxDeadline !== null) assert.ok(deadline !== null && deadline <= maxDeadline && maxDeadline > now, where);
      if (deadline === null || ttl === null) return;
      assert.ok(deadline > now, where);
      const start = nextStart(w, now);
      if (start && start <= deadline && deadline < (maxDeadline ?? start)) {
        assert.equal(deadline.getTime(), start.getTime() + ttl, where);
      }
    });
  });

  it("end at the first quiet hours that are required, which watching all of them finds", () => {
    forEachWorkspace((w, now, _random, where) => {
      const { days, weeks } = w.template.autostopRequirement;
      const quietHours = quietHoursOf(w.quietHoursSchedule);
      const stop = nextRequiredStop({ days, weeks }, quietHours, now);
      assert.equal(stop === null, days === 0, where);
      if (stop === null) return;
      let at = nextQuietHours(quietHours, new Date(now.getTime() + HOUR - 1));
      for (; at < stop; at = nextQuietHours(quietHours, at))
        assert.ok(!isRequired(days, weeks, at, quietHours.timezone));
      assert.deepEqual(at, stop, where);
      assert.ok(isRequired(days, weeks, stop, quietHours.timezone), where);
    });
  });

  it("never become earlier by use, nor later than the latest possible, and are seldom written", () => {
    let bumps = 0;
    forEachWorkspace((w, now, random, where) => {
      let { deadline, maxDeadline } = deadlinesFrom(w, now);
      let used = now.getTime();
      for (let use = 0; use < USES; use += 1) {
        used += below(random, HOUR);
        const running = { ...w, build: { ...w.build, deadline, maxDeadline } };
        const bumped = bumpedDeadline(running, new Date(used));
        if (bumped === null) continue;
        bumps += 1;
        assert.ok(deadline !== null && bumped > deadline, where);
        assert.ok(maxDeadline === null || bumped <= maxDeadline, where);
        assert.equal(
          bumpedDeadline({ ...w, build: { ...w.build, deadline: bumped, maxDeadline } }, new Date(used)),
          null,
        );
        deadline = bumped;
      }
    });
    assert.ok(bumps > WORKSPACES / 2, "use often prolongs a deadline");
  });
});

/** Whether the local date of an instant is one of the days, in one of every so many weeks from 2023-01-02. */
function isRequired(days: number, weeks: number, instant: Date, timeZone: string): boolean {
  const date = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short" }).format(instant);
  const count = Math.round((Date.parse(date) - Date.parse("2023-01-02")) / DAY);
  return (days & (1 << (count % 7))) !== 0 && Math.floor(count / 7) % weeks === 0;
}
