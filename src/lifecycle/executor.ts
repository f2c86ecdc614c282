import type pg from "pg";
import { LIFECYCLE } from "../audit/entry.ts";
import { insertAuditEntries } from "../audit/store.ts";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { isUniqueViolation, ProblemError } from "../errors.ts";
import { readLiveProvisioners } from "../provisioner/daemon-store.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../system-user.ts";
import type { Transition } from "../vocabulary.ts";
import { addBuild } from "../workspaces/builds.ts";
import { type LockedWorkspace, readLocked } from "../workspaces/builds-store.ts";
import { nextStart } from "./autostart.ts";
import { type ClockState, observeClock, steadyTime } from "./clock-jump.ts";
import { decide, type LifecycleAction, type LifecycleReason } from "./decide.ts";
import { readDue, type Ticks, tryLockLifecycle } from "./due-store.ts";
import { makeDormant } from "./execute.ts";
import { type LifecycleFacts, readLifecycle } from "./facts-store.ts";
import { type Repairs, repairLifecycle } from "./reconcile.ts";
import { storeNextStart } from "./store.ts";

/** How many workspaces are worked on at once. */
const CONCURRENCY = 10;
const MINUTE_MS = 60_000;
/** After how many ticks it is told again that workers are lacking. */
const REMIND_TICKS = 10;

/** Why nothing was done with a workspace that a rule seemed due for. */
type SkipReason = "not_due" | "busy" | "no_provisioner" | "refused" | "failed";

/** What a tick came to. */
export type TickResult = {
  readonly done: ReadonlyMap<LifecycleReason, number>;
  readonly skipped: ReadonlyMap<SkipReason, number>;
  readonly repairs: Repairs;
};

export type Executor = {
  /** Does what is due now. Runs of several executors at once do everything once. */
  tick(signal: AbortSignal): Promise<TickResult>;
};

/**
 * Makes what applies the rules of the lifecycle to the workspaces that people own (lifecycle specification, section 7):
 * stops, starts, puts to rest and deletes them when it is time. Prebuilds are none of its business.
 * @param monotonicMs a clock that nobody sets, in milliseconds
 */
export function createExecutor(context: Context, monotonicMs: () => number = () => performance.now()): Executor {
  let clock: ClockState | undefined;
  let lack = { provisioners: "", ticks: 0 };

  /** What starts is due by the clock; what stops only by the time that has gone by steadily. */
  function readTicks(now: Date): Ticks {
    clock = observeClock(clock, { wallMs: now.getTime(), monotonicMs: monotonicMs() });
    if (clock.jumpedMs !== 0) {
      const hours = (clock.jumpedMs / 3_600_000).toFixed(1);
      const consequence =
        clock.jumpedMs > 0
          ? "what stops or deletes workspaces goes by the time that has passed until the clock has been steady for half an hour"
          : "dates that follow from builds after the new time are computed anew";
      context.log.warn({ jumped_ms: clock.jumpedMs }, `the clock has jumped by ${hours} h; ${consequence}`);
    }
    return { tick: minuteOf(now.getTime()), steadyTick: minuteOf(steadyTime(clock)) };
  }

  /** What waits for workers is told when other ones are lacking than at the last tick, and now and then as a reminder. */
  function tellLacks(lacking: ReadonlyMap<string, readonly string[]>): void {
    const provisioners = [...lacking.keys()].sort().join();
    lack = { provisioners, ticks: lack.provisioners === provisioners ? lack.ticks + 1 : 0 };
    if (lack.ticks % REMIND_TICKS !== 0) return;
    for (const [provisioner, what] of lacking) tellLack(context, provisioner, what);
  }

  return {
    async tick(signal) {
      const now = context.clock.now();
      const ticks = readTicks(now);
      const repairs = await repairLifecycle(context, now, signal);
      const due = await withTransaction(context.pool, BEGIN.snapshot, (client) => readDue(client, ticks));
      const live = due.length > 0 ? await readLiveProvisioners(context.pool) : new Set<string>();
      const done = new Map<LifecycleReason, number>();
      const skipped = new Map<SkipReason, number>();
      const lacking = new Map<string, string[]>();
      const waiting = due.values();
      const work = async () => {
        for (const id of waiting) {
          if (signal.aborted) return;
          const outcome = await actOn(context, id, ticks, live);
          if ("done" in outcome) count(done, outcome.done);
          else count(skipped, outcome.skipped);
          if ("lacks" in outcome) lacking.set(outcome.lacks, [...(lacking.get(outcome.lacks) ?? []), outcome.what]);
        }
      };
      await Promise.all(Array.from({ length: CONCURRENCY }, work));
      tellLacks(lacking);
      if (done.size > 0) {
        context.wake.jobs();
        context.log.info({ ...Object.fromEntries(done), due: due.length }, "applied the rules of the lifecycle");
      }
      return { done, skipped, repairs };
    },
  };
}

const minuteOf = (time: number): Date => new Date(Math.floor(time / MINUTE_MS) * MINUTE_MS);

function count<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

type Outcome =
  | { readonly done: LifecycleReason }
  | { readonly skipped: SkipReason }
  /** There is no worker for this provisioner. */
  | { readonly skipped: "no_provisioner"; readonly lacks: string; readonly what: string };

/** Does what is due with one workspace; what goes wrong with one does not stop the others. */
async function actOn(context: Context, id: string, ticks: Ticks, live: ReadonlySet<string>): Promise<Outcome> {
  let facts: LifecycleFacts | undefined;
  let action: LifecycleAction | null = null;
  try {
    const outcome = await withTransaction(context.pool, BEGIN.impatient, async (client): Promise<Outcome> => {
      if (!(await tryLockLifecycle(client, id))) return { skipped: "busy" };
      const workspace = await readLocked(client, id);
      facts = await readLifecycle(client, id);
      if (
        !workspace ||
        !facts ||
        facts.deleted ||
        facts.claimUnfinished ||
        facts.ownerId === PREBUILDS_SYSTEM_USER_ID
      ) {
        return { skipped: "not_due" };
      }
      action = decide(facts, ticks);
      if (!action) return { skipped: "not_due" };
      if (buildOf(action) && !live.has(facts.provisioner)) {
        const what = `${reasonOf(action)} of ${titleOf(facts)}`;
        return { skipped: "no_provisioner", lacks: facts.provisioner, what };
      }
      await act(context, client, { workspace, facts, action });
      return { done: reasonOf(action) };
    });
    if ("done" in outcome && facts && action) tell(context, facts, action);
    return outcome;
  } catch (error) {
    if (isUniqueViolation(error, "workspace_builds_workspace_id_build_number_unique")) return { skipped: "busy" };
    if (error instanceof ProblemError && error.kind === "conflict") return { skipped: "busy" };
    return refuse(context, { id, facts, action, error }).catch((err: unknown): Outcome => {
      context.log.error({ err, workspace: id }, "the next start of a workspace could not be stored");
      return { skipped: "failed" };
    });
  }
}

type Deed = { readonly workspace: LockedWorkspace; readonly facts: LifecycleFacts; readonly action: LifecycleAction };

async function act(context: Context, client: pg.PoolClient, { workspace, facts, action }: Deed): Promise<void> {
  const now = context.clock.now();
  const initiatorId = facts.ownerId;
  if (action.kind === "dormancy") {
    const entries = await makeDormant(context, client, { workspace, facts }, { initiatorId, now });
    return insertAuditEntries(client, LIFECYCLE, entries, now);
  }
  const build = { transition: action.kind, initiatorId, reason: action.reason };
  await addBuild(context, client, workspace, build, (to, entry) => insertAuditEntries(to, LIFECYCLE, [entry], now));
}

/** What an action builds; undefined when it builds nothing. */
function buildOf(action: LifecycleAction): Transition | undefined {
  if (action.kind === "dormancy") return action.stops ? "stop" : undefined;
  return action.kind;
}

const reasonOf = (action: LifecycleAction): LifecycleReason =>
  action.kind === "dormancy" ? "dormancy" : action.reason;

const titleOf = ({ ownerName, name }: LifecycleFacts): string => `${ownerName}/${name}`;

function tell({ log }: Context, facts: LifecycleFacts, action: LifecycleAction): void {
  const fields = { workspace: facts.workspaceId, reason: reasonOf(action), transition: buildOf(action) ?? null };
  log.info(fields, `${fields.reason}: ${DONE[action.kind]} ${titleOf(facts)}`);
}

/** One line for all that waits, because it may be much. */
function tellLack({ log }: Context, provisioner: string, what: readonly string[]): void {
  const some = what.slice(0, 3).join(", ") + (what.length > 3 ? `, and ${what.length - 3} more` : "");
  log.warn(
    { provisioner, count: what.length },
    `waiting for a worker for ${provisioner} templates, of which none is there: ${some}; a daemon with a driver for them and PREBUILDD_PROVISIONERS above 0 would be one`,
  );
}

const DONE = { stop: "stopping", start: "starting", dormancy: "putting to rest", delete: "deleting" } as const;

/** What cannot be done is told; a start is given up until its next time, everything else is tried again. */
async function refuse(
  { pool, log, clock }: Context,
  {
    id,
    facts,
    action,
    error: err,
  }: {
    readonly id: string;
    readonly facts: LifecycleFacts | undefined;
    readonly action: LifecycleAction | null;
    readonly error: unknown;
  },
): Promise<Outcome> {
  const what = facts && action ? `${reasonOf(action)} of ${titleOf(facts)}` : "the lifecycle of a workspace";
  if (!(err instanceof ProblemError) || !facts || action?.kind !== "start") {
    log.error({ err, workspace: id }, `${what} failed; it is tried again in a minute`);
    return { skipped: "failed" };
  }
  const nextStartAt = nextStart(facts, clock.now());
  await storeNextStart(pool, id, nextStartAt);
  const details = err.validations.map(({ detail }) => detail).join("; ");
  const next = nextStartAt?.toISOString() ?? "never";
  log.warn({ workspace: id, next }, `${what} is not possible, next try ${next}: ${[err.message, details].join(": ")}`);
  return { skipped: "refused" };
}
