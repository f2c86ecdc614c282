import assert from "node:assert/strict";
import { test } from "node:test";
import { runPass } from "../../src/prebuilds/reconcile.ts";
import { DAY, HOUR, MINUTE } from "./simulation/calendar.ts";
import { ask, claimInSql, finish } from "./simulation/claims.ts";
import { compareWorkspaces } from "./simulation/compare.ts";
import { assertNever, assertSums } from "./simulation/invariants.ts";
import { changeOwner, changeTemplate } from "./simulation/other-events.ts";
import { act } from "./simulation/owner-actions.ts";
import { pick } from "./simulation/people.ts";
import { givenWorld, type World } from "./simulation/world.ts";

const SEED = Number(process.env["PREBUILDD_TEST_SEED"] ?? 20_240_325);
/** How many minutes go by at once on average. Given, it makes the long form, with more of everything. */
const GIVEN_STEP = process.env["PREBUILDD_TEST_WEEK_STEP_MINUTES"];
const STEP_MINUTES = Number(GIVEN_STEP ?? 60);

/** The Mondays before the clocks of Berlin and Beirut are set forward and back; the seed chooses. */
const MONDAYS = [Date.UTC(2024, 2, 25), Date.UTC(2024, 9, 21)];
const STARTS_AT = MONDAYS[(SEED + 1) % 2] ?? 0;

/** How many of each happen in an hour. */
const PER_HOUR = GIVEN_STEP
  ? { actions: 20, claims: 2, claimsInSql: 0.7, owners: 2, templates: 0.4 }
  : { actions: 3, claims: 0.4, claimsInSql: 0.25, owners: 0.4, templates: 0.3 };
const SIZE = GIVEN_STEP
  ? { people: 300, workspaces: 1_000, prebuilds: 50 }
  : { people: 35, workspaces: 70, prebuilds: 6 };

/** Each must have happened, or the week proves little about it. */
const PROVEN = [
  "autostop",
  "autostart",
  "autostop after a failure",
  "dormancy",
  "autodelete",
  "stop (dormancy)",
  "claim",
  "claim in SQL",
  "bump",
  "ask: extend",
  "ask: cancel",
  "owner: suspended",
  "owner: active",
  "template: startDays",
  "template: stopDays",
  "template: defaultTtl",
  "template: version",
];

const { signal } = new AbortController();

test("in a week of chance every workspace is treated by its rules, and no prebuild is touched by them", async (t) => {
  const world = await givenWorld(t, { seed: SEED, startsAt: STARTS_AT, ...SIZE });
  t.diagnostic(`PREBUILDD_TEST_SEED=${SEED} PREBUILDD_TEST_WEEK_STEP_MINUTES=${STEP_MINUTES} repeats this`);
  await runPass(world.context, signal);
  await world.endBuilds();
  const first = await world.tick(signal);
  assert.deepEqual(first.repairs, { prebuilds: 0, unsettled: SIZE.workspaces, future: 0, unscheduled: 0 });
  assert.deepEqual(new Map(first.done), world.oracle.tick());
  for (let minute = STARTS_AT; minute < STARTS_AT + 7 * DAY; ) {
    const before = minute;
    minute = nextMinute(world, before);
    await step(world, minute, (minute - before) / HOUR);
  }
  world.goOnTo(world.model.now + MINUTE);
  await finish(world);
  await world.endBuilds();
  await compareWorkspaces(world);
  await assertNever(world);
  await assertSums(world);
  const counts = [...world.model.counts].sort().map(([what, count]) => `${what}: ${count}`);
  t.diagnostic(counts.join(", "));
  assert.deepEqual(
    PROVEN.filter((what) => !world.model.counts.has(what)),
    [],
  );
});

/** Any of the next minutes, and often one in which something becomes due, for that is where mistakes show. */
function nextMinute({ model, oracle, random }: World, minute: number): number {
  const last = minute + (2 * STEP_MINUTES - 1) * MINUTE;
  const due = [...model.workspaces.values()]
    .flatMap(oracle.boundaries)
    .map((instant) => Math.floor(instant / MINUTE) * MINUTE)
    .filter((instant) => instant > minute && instant <= last);
  if (due.length > 0 && random() < 0.5) return pick(random, due);
  return minute + (1 + Math.floor(random() * (2 * STEP_MINUTES - 1))) * MINUTE;
}

let nextPass = 0;

/** What happens so many hours after the last time: builds end, people do something, and what is due is done. */
async function step(world: World, minute: number, hours: number): Promise<void> {
  const { context, model, oracle, random } = world;
  // What happens exactly at the beginning of a minute is due exactly at the beginning of another one.
  const seconds = random() < 0.4 ? 0 : 15_000;
  world.goOnTo(minute + Math.floor(random() * seconds));
  if (random() < 0.8) await finish(world);
  if (random() < 0.8) await world.endBuilds();

  world.goOnTo(minute + seconds + Math.floor(random() * seconds));
  await happen(world, hours);
  if (model.now >= nextPass) {
    await runPass(context, signal);
    nextPass = model.now + HOUR;
  }

  world.goOnTo(minute + 30_000 + Math.floor(random() * 15_000));
  const { done, skipped, repairs } = await world.tick(signal);
  const now = new Date(model.now).toISOString();
  const expected = oracle.tick();
  await compareWorkspaces(world);
  assert.deepEqual(new Map([...done].sort()), new Map([...expected].sort()), `what was done at ${now}`);
  assert.deepEqual(
    [...skipped.keys()].filter((reason) => reason !== "not_due"),
    [],
    `what was skipped at ${now}`,
  );
  assert.deepEqual(repairs, { prebuilds: 0, unsettled: 0, future: 0, unscheduled: 0 }, `what was repaired at ${now}`);

  world.goOnTo(minute + 45_000 + Math.floor(random() * 15_000));
  if (random() < 0.5) await world.endBuilds();
  await compareWorkspaces(world);
  await assertNever(world);
}

async function happen(world: World, hours: number): Promise<void> {
  const { random } = world;
  const times = async (perHour: number, event: () => Promise<void>) => {
    for (let left = perHour * hours; left > random(); left -= 1) await event();
  };
  await times(PER_HOUR.owners, () => changeOwner(world));
  await times(PER_HOUR.templates, () => changeTemplate(world));
  await times(PER_HOUR.claims, () => ask(world));
  await times(PER_HOUR.claimsInSql, () => claimInSql(world));
  await times(PER_HOUR.actions, () => act(world));
}
