import { setTimeout as delay } from "node:timers/promises";
import type { Context } from "../context.ts";
import { startLoop } from "../loop.ts";
import type { Driver, Leftover } from "./driver.ts";
import { readLatestJob } from "./leftover-store.ts";
import type { BuildRunner, RunnerOptions } from "./runner.ts";
import { readJob } from "./store.ts";

export type SweepOptions = Pick<RunnerOptions, "drivers"> & { readonly runner: Pick<BuildRunner, "requestOf"> };

/** How often what attempts have left is looked for. */
const SWEEP_MS = 10 * 60_000;

/** Looks for what attempts have left on this machine after `afterMs`, and then regularly, until it is disposed. */
export function startSweeping(
  context: Pick<Context, "pool" | "log">,
  options: SweepOptions & { readonly afterMs: number },
): AsyncDisposable {
  const sweep = createSweep(context, options);
  let restMs = options.afterMs;
  return startLoop({
    name: "removing what builds have left on this machine",
    intervalMs: SWEEP_MS,
    log: context.log,
    async work(signal) {
      await delay(restMs, undefined, { signal });
      restMs = 0;
      await sweep(signal);
    },
  });
}

/**
 * Makes the function that removes what attempts which died have left on this machine, when the builds that followed ran
 * on others and so did not find it. What a build may still want is left alone, and so is what belongs to a workspace that
 * this database does not know, which is said once.
 */
export function createSweep(
  { pool, log }: Pick<Context, "pool" | "log">,
  { drivers, runner }: SweepOptions,
): (signal: AbortSignal) => Promise<void> {
  const strangers = new Set<string>();

  async function clear(provisioner: string, driver: Driver, left: Leftover, signal: AbortSignal): Promise<void> {
    const { workspaceId, path } = left;
    const latest = await readLatestJob(pool, workspaceId);
    const job = latest && (await readJob(pool, latest.jobId));
    if (!job || job.provisioner !== provisioner) {
      if (!strangers.has(path)) {
        log.warn({ path }, `${path} is left alone: this database has no such workspace; remove it if nobody needs it`);
      }
      strangers.add(path);
      return;
    }
    if (!latest.isIdle) return;
    const destroyed = await driver.clearLeftover?.(await runner.requestOf(job), {
      signal,
      log: ({ level, stage, output }) => log.debug({ workspace: workspaceId, level, stage }, output),
      // Another build would have stored another state than the one that this goes by.
      async isFree() {
        const now = await readLatestJob(pool, workspaceId);
        return now?.isIdle === true && now.jobId === latest.jobId;
      },
    });
    if (!destroyed) return;
    const what = destroyed.length > 0 ? `after ${destroyed.join(", ")} had been destroyed` : "which held nothing more";
    log.info({ workspace: workspaceId, destroyed }, `what a build had left in ${path} was removed, ${what}`);
  }

  return async function sweep(signal) {
    for (const [provisioner, driver] of Object.entries(drivers)) {
      for (const left of (await driver.leftovers?.()) ?? []) {
        if (signal.aborted) return;
        await clear(provisioner, driver, left, signal).catch((err: unknown) => {
          if (signal.aborted) return;
          const text = `what a build has left in ${left.path} could not be removed; it is tried again, and if that does not help, remove by hand what it names and then the directory`;
          log.warn({ err, workspace: left.workspaceId }, text);
        });
      }
    }
  };
}
