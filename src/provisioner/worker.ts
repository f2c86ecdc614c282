import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { Context } from "../context.ts";
import { type Loop, startLoop } from "../loop.ts";
import { forgetWorker, reportWorker } from "./daemon-store.ts";
import { settleDeadWork } from "./dead-work.ts";
import { createImporter } from "./import.ts";
import { startSweeping } from "./leftovers.ts";
import { WORK, type WorkItem, type WorkKind } from "./queue.ts";
import { runReadiness } from "./readiness.ts";
import { type AbortReason, type BuildRunner, createBuildRunner, type RunnerOptions } from "./runner.ts";
import { readInterruptions } from "./store.ts";

export type Worker = {
  /** Looks for work now. */
  poke(): void;
  /** Gives up the job if this worker runs it, because somebody canceled it. */
  cancel(jobId: string): void;
  /** How many builds run here. */
  readonly running: number;
  /** Takes no more work, waits until what runs has ended, and hands back what has not within `timeoutMs`. */
  drain(timeoutMs: number): Promise<void>;
  idleMs(): number;
};

export type WorkerOptions = RunnerOptions & {
  /** How many builds run at once. */
  readonly concurrency: number;
  /** How long after its start what earlier attempts have left on this machine is looked at; a minute. */
  readonly sweepAfterMs?: number;
};

/** How often work is looked for although no notification came. */
const POLL_MS = 2_000;
/** How often running work says that it is alive; must be well below the queue's heartbeat limit. */
const HEARTBEAT_MS = 4_000;
/** How often a worker says that it is there; must be well below the time after which it is taken for gone. */
const REPORT_MS = 15_000;
/** Imports that run at the same time, beside the builds: whoever pushes does not wait for a pool to fill. */
const IMPORT_CONCURRENCY = 2;
/** Agents asked for readiness at the same time; they cost little, so they do not take the place of builds. */
const READINESS_CONCURRENCY = 16;
/** How long a worker leaves what earlier attempts have left to the builds that go on from there. */
const SWEEP_AFTER_MS = 60_000;

type Running = {
  readonly item: WorkItem;
  readonly abort: AbortController;
  /** Whether the job has been marked as this worker's. Until then it is nobody's, or still another worker's. */
  begun: boolean;
  readonly ended: Promise<void>;
};

/** One kind of work: how much of it runs at once, how it is run, and what of it is running. */
type Lane = {
  readonly kind: WorkKind;
  readonly limit: number;
  run(item: WorkItem, signal: AbortSignal, onBegun: () => void): Promise<void>;
  /** By what the work is about. */
  readonly running: Map<string, Running>;
};

/** Takes work from the queue and runs it, as much at once as it is allowed to. */
export function startWorker(context: Context, options: WorkerOptions): Worker {
  const workerId = randomUUID();
  const log = context.log.child({ worker: workerId });
  const runner: BuildRunner = createBuildRunner({ ...context, log }, { ...options, workerId });
  const builds: Lane = { kind: WORK.build, limit: options.concurrency, run: runner.run, running: new Map() };
  const importer = createImporter({ ...context, log }, { ...options, workerId, driverOf: runner.driverOf });
  const imports: Lane = {
    kind: WORK.import,
    limit: options.concurrency > 0 ? IMPORT_CONCURRENCY : 0,
    run: importer.run,
    running: new Map(),
  };
  const readiness: Lane = {
    kind: WORK.readiness,
    // A replica without builds runs nothing of a template, and asking for readiness does.
    limit: options.concurrency > 0 ? READINESS_CONCURRENCY : 0,
    run: (item, signal) => runReadiness(context, runner, item, signal),
    running: new Map(),
  };
  /** Those whose work is a job. */
  const jobs = [builds, imports];
  const lanes = [...jobs, readiness];
  let draining = false;

  const looking: Loop = startLoop({ name: "looking for work", intervalMs: POLL_MS, log, work: fill });
  // Not with every look for work, which is asked for with every build that ends.
  const burying: Loop | undefined =
    options.concurrency > 0
      ? startLoop({
          name: "giving up what no worker could end",
          intervalMs: POLL_MS,
          log,
          work: () => settleDeadWork(context),
        })
      : undefined;
  const beating: Loop = startLoop({ name: "the workers' heartbeat", intervalMs: HEARTBEAT_MS, log, work: beat });

  const self = { id: workerId, hostname: hostname(), provisioners: Object.keys(options.drivers) };
  const reporting: Loop | undefined =
    options.concurrency > 0
      ? startLoop({ name: "saying that this worker is there", intervalMs: REPORT_MS, log, work: report })
      : undefined;
  const sweeping =
    options.concurrency > 0
      ? startSweeping(
          { ...context, log },
          { drivers: options.drivers, runner, afterMs: options.sweepAfterMs ?? SWEEP_AFTER_MS },
        )
      : undefined;

  async function report(): Promise<void> {
    await reportWorker(context.pool, self);
  }

  async function fill(signal: AbortSignal): Promise<void> {
    for (const lane of lanes) {
      while (!draining && !signal.aborted && lane.running.size < lane.limit) {
        const items = await context.queue.take(lane.kind, lane.limit - lane.running.size);
        for (const item of items) begin(lane, item);
        if (items.length === 0) break;
      }
    }
  }

  function begin(lane: Lane, item: WorkItem): void {
    const same = lane.running.get(item.subjectId);
    if (same) {
      // This process seemed dead for a while, or the queue had lost the item, but what it has now taken again still
      // runs here: that simply goes on.
      same.item.id = item.id;
      same.item.retryCount = item.retryCount;
      return;
    }
    const abort = new AbortController();
    const onBegun = () => {
      running.begun = true;
    };
    const ended = lane
      .run(item, abort.signal, onBegun)
      .catch((err: unknown) => {
        log.error({ err, item: item.subjectId }, "work failed unexpectedly; it is handed back");
        return handBack(lane.kind, item);
      })
      .finally(() => {
        lane.running.delete(item.subjectId);
        looking.poke();
      });
    const running: Running = { item, abort, begun: false, ended };
    lane.running.set(item.subjectId, running);
    if (draining) abort.abort("shutdown" satisfies AbortReason);
  }

  async function handBack(kind: WorkKind, item: WorkItem): Promise<void> {
    await context.queue.handBack(kind, item, "unexpected error").catch((err: unknown) => {
      log.warn({ err, item: item.subjectId }, "work could not be handed back; its heartbeat will end");
    });
  }

  async function beat(): Promise<void> {
    for (const lane of lanes) {
      for (const { item } of [...lane.running.values()]) await context.queue.keep(lane.kind, item);
    }
    // Not the queue but the job says whose it is; and the notification of a cancellation may have been lost. What is
    // still to be begun says nothing yet.
    const begun = jobs.flatMap((lane) => [...lane.running].filter(([, { begun }]) => begun));
    const jobIds = begun.map(([jobId]) => jobId);
    for (const { jobId, reason } of await readInterruptions(context.pool, jobIds, workerId)) interrupt(jobId, reason);
  }

  function interrupt(jobId: string, reason: AbortReason): void {
    for (const lane of jobs) lane.running.get(jobId)?.abort.abort(reason);
  }

  return {
    poke: looking.poke,
    cancel: (jobId) => interrupt(jobId, "canceled"),
    get running() {
      return builds.running.size;
    },
    idleMs: looking.idleMs,
    async drain(timeoutMs) {
      draining = true;
      const swept = sweeping?.[Symbol.asyncDispose]();
      await reporting?.[Symbol.asyncDispose]();
      if (reporting) {
        await forgetWorker(context.pool, workerId).catch((err: unknown) => {
          log.debug({ err }, "this worker could not sign off; it is taken for gone in a minute");
        });
      }
      await looking[Symbol.asyncDispose]();
      await burying?.[Symbol.asyncDispose]();
      const all = lanes.flatMap((lane) => [...lane.running.values()]);
      // Readiness is cheap to begin again elsewhere, so only jobs are worth waiting for.
      for (const { abort } of readiness.running.values()) abort.abort("shutdown" satisfies AbortReason);
      const patience = setTimeout(() => {
        for (const { abort } of all) abort.abort("shutdown" satisfies AbortReason);
      }, timeoutMs);
      await Promise.allSettled(all.map(({ ended }) => ended));
      clearTimeout(patience);
      await swept;
      await beating[Symbol.asyncDispose]();
    },
  };
}
