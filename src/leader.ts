import { forgetSpendRequests } from "./budgets/spend-store.ts";
import type { Context } from "./context.ts";
import { createExecutor } from "./lifecycle/executor.ts";
import type { LifecycleMetrics } from "./lifecycle/metrics.ts";
import { type Loop, startLoop } from "./loop.ts";
import { forgetMessages } from "./notifications/store.ts";
import { repairSystemRoles } from "./organizations/reconcile.ts";
import { nextDueAt } from "./prebuilds/due.ts";
import { type PassResult, runPass } from "./prebuilds/reconcile.ts";
import { reapLostWork } from "./provisioner/reaper.ts";
import { forgetRequests } from "./workspaces/request-store.ts";

/** What one replica at a time does. */
export type Leader = {
  /** Does it until the signal is aborted. */
  lead(signal: AbortSignal): Promise<void>;
  /** Asks for a pass over the pools, if this replica leads. */
  pokePools(): void;
  /** Asks for a look at the organization roles, if this replica leads. */
  pokeRoles(): void;
  /** Milliseconds since the last pass, and since the rules of the lifecycle were applied; 0 while it does not lead. */
  readonly idleMs: { pools(): number; lifecycle(): number };
};

type LeaderOptions = {
  /** The longest time between two passes. */
  readonly reconciliationIntervalMs: number;
  readonly lifecycleMetrics: LifecycleMetrics;
  /** Told of every pass; what it found and did, or that it failed as a whole. */
  onPass(seconds: number, result: PassResult | "failed"): void;
  /** Forgets what people no longer look at. */
  forgetOld(): Promise<void>;
};

/** The least time between the starts of two passes; more while claims keep coming, so that many become a handful. */
const PASS_SPACING_MS = { least: 25, most: 40 };
/** How often work is looked for that has fallen out of the queue, and how old it must be. */
const REAP_MS = 60_000;
/** How often organization roles are looked at although no notification came: somebody may have changed one by hand. */
const ROLES_MS = 60_000;
/** The least time between two looks at them, so that many organizations inserted one by one are a few looks. */
const ROLES_SPACING_MS = { least: 25, most: 200 };
/** How often the rules of the lifecycle are applied: they know minutes, so at the beginning of each. */
export const LIFECYCLE_MS = 60_000;
/** How long a request may be repeated with its idempotency key or its request id. */
const REQUESTS_KEPT_MS = 24 * 3_600_000;
/** How long people can read what they have been told. */
const MESSAGES_KEPT_MS = 30 * 86_400_000;

/** Makes what a replica does while it leads: passes, the lifecycle, roles, and picking up what others have lost. */
export function createLeader(context: Context, options: LeaderOptions): Leader {
  const { pool, clock, log } = context;
  const intervalMs = options.reconciliationIntervalMs;
  const executor = createExecutor(context);
  let pools: Loop | undefined;
  let roles: Loop | undefined;
  let lifecycle: Loop | undefined;
  let dueAt: Date | undefined;

  async function pass(signal: AbortSignal): Promise<void> {
    dueAt = undefined; // a pass that fails is not due again before its interval
    const startedAt = performance.now();
    const seconds = () => (performance.now() - startedAt) / 1_000;
    try {
      const result = await runPass(context, signal);
      options.onPass(seconds(), result);
      // From the time that was planned for: what became due while the pass was running is due now.
      dueAt = nextDueAt(result.pools, result.now, new Date(result.now.getTime() + intervalMs));
    } catch (error) {
      options.onPass(seconds(), "failed");
      throw error;
    }
  }

  async function keepRoles(signal: AbortSignal): Promise<void> {
    await repairSystemRoles(context, { signal });
  }

  async function reap(signal: AbortSignal): Promise<void> {
    await reapLostWork(context, { olderThanMs: REAP_MS, signal });
    const ago = (ms: number) => new Date(clock.now().getTime() - ms);
    await forgetRequests(pool, ago(REQUESTS_KEPT_MS));
    await forgetMessages(pool, ago(MESSAGES_KEPT_MS));
    await options.forgetOld();
    await forgetSpendRequests(pool, ago(REQUESTS_KEPT_MS), signal);
  }

  async function applyLifecycle(signal: AbortSignal): Promise<void> {
    const startedAt = performance.now();
    const result = await executor.tick(signal);
    options.lifecycleMetrics.observeTick((performance.now() - startedAt) / 1_000, result);
  }

  return {
    async lead(signal) {
      await using loops = new AsyncDisposableStack();
      const start = (loop: Omit<Parameters<typeof startLoop>[0], "log">) => loops.use(startLoop({ ...loop, log }));
      pools = start({
        name: "the pass over the pools",
        intervalMs,
        spacingMs: PASS_SPACING_MS,
        work: pass,
        dueInMs: () => dueAt && Math.max(dueAt.getTime() - clock.now().getTime(), 0),
      });
      start({ name: "looking for lost work", intervalMs: REAP_MS, work: reap });
      roles = start({
        name: "repairing the organization roles",
        intervalMs: ROLES_MS,
        spacingMs: ROLES_SPACING_MS,
        work: keepRoles,
      });
      lifecycle = start({
        name: "applying the rules of the lifecycle",
        intervalMs: LIFECYCLE_MS,
        work: applyLifecycle,
        dueInMs: () => LIFECYCLE_MS - (clock.now().getTime() % LIFECYCLE_MS),
      });
      if (!signal.aborted) await new Promise((done) => signal.addEventListener("abort", done, { once: true }));
      pools = undefined;
      roles = undefined;
      lifecycle = undefined;
    },
    pokePools: () => pools?.poke(),
    pokeRoles: () => roles?.poke(),
    idleMs: { pools: () => pools?.idleMs() ?? 0, lifecycle: () => lifecycle?.idleMs() ?? 0 },
  };
}
