import type pg from "pg";
import type { Context } from "../context.ts";
import { BEGIN, type Queryable, withTransaction } from "../db/connection.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../system-user.ts";
import { nextStart } from "./autostart.ts";
import { JUMP_MS } from "./clock-jump.ts";
import { deadlinesFrom } from "./deadlines.ts";
import { type LifecycleFacts, readLifecycle } from "./facts-store.ts";
import { clearPrebuilds, lockWrong, readUnscheduled, storeUnscheduled, type WRONG } from "./repair-store.ts";
import { type Dates, storeDates } from "./store.ts";

/**
 * Computes the lifecycle of a workspace when a build has ended, in the transaction that ends it: a start that succeeded
 * gets its deadlines from now, and a start or stop that succeeded gives the next autostart (prebuilds specification,
 * section 15). A prebuild has none of that, and what a build that failed had stays.
 */
export async function settleLifecycle(
  client: Queryable,
  build: { readonly workspaceId: string; readonly buildId: string; readonly succeeded: boolean; readonly now: Date },
): Promise<void> {
  if (!build.succeeded) return;
  const facts = await readLifecycle(client, build.workspaceId);
  if (!facts || facts.buildId !== build.buildId || facts.ownerId === PREBUILDS_SYSTEM_USER_ID) return;
  if (facts.build.transition !== "delete") await storeDates(client, [datesFrom(facts, build.now)]);
}

/** What follows when the latest build ends at this time, with success. */
function datesFrom(facts: LifecycleFacts, at: Date): Dates {
  const { workspaceId, buildId } = facts;
  const started = facts.build.transition === "start";
  const deadlines = started ? deadlinesFrom(facts, at) : { deadline: null, maxDeadline: null };
  return { workspaceId, buildId, ...deadlines, nextStartAt: nextStart(facts, at) };
}

/** How many workspaces were put right, by what was wrong. */
export type Repairs = Readonly<Record<keyof typeof WRONG | "prebuilds" | "unscheduled", number>>;

/**
 * Puts right what others have left: earlier releases and control planes that share the database know nothing of these
 * rules, and a clock that was put back has left dates from the future. Each kind is found by an index that is empty as a
 * rule. Workspaces that somebody else is just changing wait for the next time.
 */
export async function repairLifecycle(context: Context, now: Date, signal: AbortSignal): Promise<Repairs> {
  // What cannot be put right must not keep anything from what is due.
  const attempt = (wrong: keyof Repairs, work: Promise<number>) =>
    work.catch((err: unknown) => {
      if (!signal.aborted)
        context.log.error({ err, wrong }, `workspaces could not be put right (${wrong}); it is tried again`);
      return 0;
    });
  const repair = (wrong: keyof typeof WRONG, right: Right) =>
    attempt(wrong, repairAll(context, { wrong, now, right, signal }));
  const repairs = {
    prebuilds: await attempt(
      "prebuilds",
      clearPrebuilds(context.pool).then(({ length }) => length),
    ),
    unsettled: await repair("unsettled", settleLate),
    future: await repair("future", bringBack),
    unscheduled: await attempt("unscheduled", schedule(context, now)),
  };
  for (const [wrong, count] of Object.entries(repairs)) {
    if (count > 0)
      context.log.warn(
        { wrong, count },
        `${count} ${count === 1 ? "workspace" : "workspaces"}: ${TOLD[wrong as keyof Repairs]}`,
      );
  }
  return repairs;
}

const TOLD: Readonly<Record<keyof Repairs, string>> = {
  prebuilds: "a prebuild had lifecycle dates, which are taken away",
  unsettled: "the lifecycle was never computed from the end of the latest build, and is now",
  future: "dates that were computed while a clock was ahead are brought back",
  unscheduled: "an autostart schedule had no next start, and has one now",
};

/** Puts workspaces right; the answer is how many have changed. */
type Right = (client: pg.PoolClient, wrong: readonly LifecycleFacts[], now: Date) => Promise<number>;

async function repairAll(
  { pool }: Context,
  {
    wrong,
    now,
    right,
    signal,
  }: {
    readonly wrong: keyof typeof WRONG;
    readonly now: Date;
    readonly right: Right;
    readonly signal: AbortSignal;
  },
): Promise<number> {
  const future = new Date(now.getTime() + JUMP_MS);
  let repaired = 0;
  for (let after: string | undefined = "00000000-0000-0000-0000-000000000000"; after && !signal.aborted; ) {
    const from: string = after;
    after = await withTransaction(pool, BEGIN.readWrite, async (client) => {
      const found = await lockWrong(client, wrong, from, future);
      if (found.length > 0) repaired += await right(client, found, now);
      return found.at(-1)?.workspaceId;
    });
  }
  return repaired;
}

async function settleLate(client: pg.PoolClient, wrong: readonly LifecycleFacts[], now: Date): Promise<number> {
  await storeDates(
    client,
    wrong.map((facts) => {
      const exact = datesFrom(facts, facts.build.completedAt ?? now);
      // Nobody is stopped at a deadline that they have never seen.
      const dates = exact.deadline && exact.deadline <= now ? datesFrom(facts, now) : exact;
      return { ...dates, nextStartAt: nextStart(facts, now) };
    }),
  );
  return wrong.length;
}

async function bringBack(client: pg.PoolClient, wrong: readonly LifecycleFacts[], now: Date): Promise<number> {
  const changed = wrong.flatMap((facts) => {
    const { completedAt, deadline, maxDeadline, transition } = facts.build;
    const ahead = completedAt && completedAt > now && transition === "start" ? deadlinesFrom(facts, completedAt) : null;
    // What somebody has chosen since is left as it is.
    const asComputed = ahead?.deadline != null && ahead.deadline.getTime() === deadline?.getTime();
    const deadlines = asComputed ? deadlinesFrom(facts, now) : { deadline, maxDeadline };
    const next = nextStart(facts, now);
    const later = next && (facts.nextStartAt === null || facts.nextStartAt > next);
    if (!asComputed && !later) return [];
    const { workspaceId, buildId } = facts;
    return [{ workspaceId, buildId, ...deadlines, nextStartAt: later ? next : facts.nextStartAt }];
  });
  await storeDates(client, changed);
  return changed.length;
}

/** Each schedule is looked at once, however many workspaces have it. */
async function schedule({ pool }: Context, now: Date): Promise<number> {
  // From this minute on, so that a start that is due now is not lost.
  const justBefore = new Date(Math.floor(now.getTime() / 60_000) * 60_000 - 1);
  const starts = (await readUnscheduled(pool)).flatMap(({ schedule, days }) => {
    const template = { allowUserAutostart: true, autostartDays: days };
    const nextStartAt = nextStart({ autostartSchedule: schedule, template }, justBefore);
    return nextStartAt ? [{ schedule, days, nextStartAt }] : [];
  });
  return withTransaction(pool, BEGIN.impatient, (client) => storeUnscheduled(client, starts));
}
