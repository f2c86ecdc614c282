import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { TestContext } from "node:test";
import type { Context } from "../../src/context.ts";
import { createExecutor, type Executor, type TickResult } from "../../src/lifecycle/executor.ts";
import { createLogger } from "../../src/log.ts";
import { runPass } from "../../src/prebuilds/reconcile.ts";
import { reportWorker } from "../../src/provisioner/daemon-store.ts";
import type { Driver } from "../../src/provisioner/driver.ts";
import { queueBuild } from "../../src/workspaces/builds.ts";
import { asking } from "../support/asking.ts";
import { count, type GivenPool, givenContext, givenDriver, givenPool, givenWorker, settled } from "../support/given.ts";
import { waitFor } from "../support/wait-for.ts";

const { signal } = new AbortController();
const MINUTE_MS = 60_000;

/** A clock that stands still until it is set: the one on the wall, and the one that nobody can set. */
export type HandClock = {
  now(): Date;
  readonly monotonicMs: () => number;
  /** Time goes by until then. */
  at(time: string | Date): void;
  /** Somebody sets the wall clock; no time goes by. */
  jump(ms: number): void;
};

export function handClock(start: string | Date): HandClock {
  let wall = new Date(start).getTime();
  let monotonic = 0;
  return {
    now: () => new Date(wall),
    monotonicMs: () => monotonic,
    at(time) {
      const to = new Date(time).getTime();
      monotonic += Math.max(to - wall, 0);
      wall = to;
    },
    jump(ms) {
      wall += ms;
    },
  };
}

export type LifecycleWorld = {
  readonly context: Context & { readonly url: string };
  readonly clock: HandClock;
  readonly pool: GivenPool;
  readonly executor: Executor;
  /** What was logged at the level info and above. */
  readonly logged: readonly LogLine[];
  /** Runs the executor at a time, and waits until the builds that it has queued have ended. */
  tick(at: string | Date): Promise<TickResult>;
  /** The same, when so many minutes have gone by. */
  tickIn(minutes: number): Promise<TickResult>;
  /** Waits until no build waits or runs. */
  settled(): Promise<void>;
  /** Claims a prebuild for a new user; fails when there is none. */
  claim(given?: Parameters<Awaited<ReturnType<typeof asking>>>[0]): Promise<string>;
  /** Stops or starts a workspace, as its owner does. */
  build(workspaceId: string, transition: "start" | "stop" | "delete"): Promise<void>;
  /** Changes the template's row. */
  template(settings: Readonly<Record<string, unknown>>): Promise<void>;
  row(workspaceId: string): Promise<WorkspaceState>;
  /** The builds of a workspace, the first one first, as "stop autostop succeeded". */
  builds(workspaceId: string): Promise<string[]>;
};

export type LogLine = { readonly level: string; readonly msg: string };

/** A workspace as the database has it, with the dates of its latest build. */
export type WorkspaceState = {
  readonly owner_id: string;
  readonly autostart_schedule: string | null;
  readonly next_start_at: Date | null;
  readonly ttl: string | null;
  readonly last_used_at: Date;
  readonly dormant_at: Date | null;
  readonly deleting_at: Date | null;
  readonly deleted: boolean;
  readonly latest_build_number: number;
  readonly latest_transition: string;
  readonly latest_job_status: string;
  readonly reason: string;
  readonly deadline: Date | null;
  readonly max_deadline: Date | null;
};

/** The id of the only prebuild of a pool. */
export async function onlyPrebuild({ context, pool }: Pick<LifecycleWorld, "context" | "pool">): Promise<string> {
  const { rows } = await context.pool.query<{ id: string }>(
    "select id from workspaces where preset_id = $1 and created_as_prebuild and not deleted",
    [pool.presetId],
  );
  return rows[0]?.id ?? "";
}

/** A pool with a ready prebuild, a worker, and an executor, all on a clock that the test sets. */
export async function givenLifecycle(
  t: TestContext,
  given: {
    readonly at: string;
    readonly desired?: number;
    readonly template?: Readonly<Record<string, unknown>>;
    readonly driver?: Partial<Driver>;
    /** No worker runs at all. */
    readonly idle?: boolean;
  },
): Promise<LifecycleWorld> {
  const clock = handClock(given.at);
  const logged: LogLine[] = [];
  const log = createLogger("info", { write: (line) => void logged.push(JSON.parse(line)) });
  const context = { ...(await givenContext(t, { clock })), log };
  const pool = await givenPool(context, { desired: given.desired ?? 1 });
  const template = async (settings: Readonly<Record<string, unknown>>) => {
    const assignments = Object.keys(settings).map((column, index) => `${column} = $${index + 2}`);
    if (assignments.length === 0) return;
    const values = [pool.templateId, ...Object.values(settings)];
    await context.pool.query(`update templates set ${assignments.join(", ")} where id = $1`, values);
  };
  await template(given.template ?? {});
  await runPass(context, signal);
  const worker = given.idle
    ? undefined
    : givenWorker(t, context, { driver: givenDriver(given.driver), concurrency: 16 });
  const executor = createExecutor(context, clock.monotonicMs);
  const wait = async () => {
    worker?.poke();
    await settled(context);
  };
  const tick = async (at: string | Date) => {
    clock.at(at);
    const result = await executor.tick(signal);
    if (worker) await wait();
    return result;
  };
  if (worker) await wait();
  if (worker) await waitFor("the worker to be known", () => count(context, "provisioner_daemons"));
  return {
    context,
    clock,
    pool,
    template,
    executor,
    logged,
    settled: wait,
    tick,
    tickIn: (minutes) => tick(new Date(clock.now().getTime() + minutes * MINUTE_MS)),
    async claim(asked = {}) {
      const ask = await asking(context, pool);
      const { claimed, workspaceId } = await ask(asked);
      if (!claimed) throw new Error("there was no prebuild to claim");
      await wait();
      return workspaceId;
    },
    async build(workspaceId, transition) {
      const { owner_id: initiatorId } = await readState(context, workspaceId);
      await queueBuild(context, { workspaceId, transition, initiatorId });
      await wait();
    },
    row: (workspaceId) => readState(context, workspaceId),
    builds: (workspaceId) => readBuilds(context, workspaceId),
  };
}

/** A worker that is said to be there and does nothing, for builds that are only to be queued. */
export async function givenIdleWorker(
  { pool }: Pick<Context, "pool">,
  given: { readonly provisioners?: readonly string[] } = {},
): Promise<void> {
  const worker = { id: randomUUID(), hostname: "elsewhere", provisioners: given.provisioners ?? ["command"] };
  await reportWorker(pool, worker);
}

/** Asserts what a tick has done, by reason. */
export function assertDone({ done }: TickResult, expected: Readonly<Record<string, number>>): void {
  assert.deepEqual(Object.fromEntries(done), expected);
}

/** Takes away the constraint that keeps the lifecycle off prebuilds, as if an older release had written. */
export async function allowAnything({ context }: Pick<LifecycleWorld, "context">): Promise<void> {
  await context.pool.query("alter table workspaces drop constraint workspaces_prebuilds_outside_lifecycle");
}

async function readBuilds({ pool }: Pick<Context, "pool">, workspaceId: string): Promise<string[]> {
  const { rows } = await pool.query<{ build: string }>(
    `select concat_ws(' ', b.transition, b.reason, j.job_status) as build
     from workspace_builds b join provisioner_jobs j on j.id = b.job_id where b.workspace_id = $1 order by b.build_number`,
    [workspaceId],
  );
  return rows.map(({ build }) => build);
}

async function readState({ pool }: Pick<Context, "pool">, workspaceId: string): Promise<WorkspaceState> {
  const { rows } = await pool.query<WorkspaceState>(
    `select w.owner_id, w.autostart_schedule, w.next_start_at, w.ttl, w.last_used_at, w.dormant_at, w.deleting_at,
       w.deleted, w.latest_build_number, w.latest_transition, w.latest_job_status, b.reason, b.deadline, b.max_deadline
     from workspaces w join workspace_builds b on b.id = w.latest_build_id where w.id = $1`,
    [workspaceId],
  );
  if (!rows[0]) throw new Error(`there is no workspace ${workspaceId}`);
  return rows[0];
}
