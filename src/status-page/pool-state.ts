import type { PoolView } from "../prebuilds/status.ts";

/**
 * What somebody has to know of a pool first, the most urgent first: no more prebuilds are created; some are missing and
 * are held back; nobody touches it; some are missing and on their way; all there; no longer kept.
 */
export const POOL_STATES = ["stopped", "short", "paused", "filling", "full", "retiring"] as const;
export type PoolState = (typeof POOL_STATES)[number];

/** What is missing for these reasons comes by itself, without waiting for anything but builds. */
const UNDER_WAY: ReadonlySet<string> = new Set(["building", "not_ready", "expired", "below_target"]);

/** The state of a pool in one word. */
export function stateOf(pool: PoolView): PoolState {
  if (!pool.active) return "retiring";
  if (pool.status !== "healthy") return "stopped";
  if (pool.paused) return "paused";
  if (pool.eligible >= pool.desired) return "full";
  return pool.reasons.every(({ reason }) => UNDER_WAY.has(reason)) ? "filling" : "short";
}

/** What a pool is sorted by: what is urgent first, then by name. */
export function orderOf(pool: PoolView): string {
  return `${POOL_STATES.indexOf(stateOf(pool))} ${titleOf(pool)}`;
}

/** What a person knows a pool by. */
export function titleOf(pool: Pick<PoolView, "organization_name" | "template_name" | "preset_name">): string {
  return `${pool.organization_name}/${pool.template_name}/${pool.preset_name}`;
}

/** What all pools together come to. */
export type Totals = {
  readonly pools: number;
  readonly byState: Readonly<Record<PoolState, number>>;
  readonly desired: number;
  readonly ready: number;
  /** Pools that have more than they should do not make up for those that have less. */
  readonly missing: number;
  readonly building: number;
  readonly failing: number;
};

/** Adds up the pools that are kept; those that are not count by their state only. */
export function totalsOf(pools: readonly PoolView[]): Totals {
  const sum = (of: (pool: PoolView) => number) => pools.reduce((total, pool) => total + of(pool), 0);
  const inState = (state: PoolState) => sum((pool) => (stateOf(pool) === state ? 1 : 0));
  return {
    pools: sum(({ active }) => (active ? 1 : 0)),
    byState: {
      stopped: inState("stopped"),
      short: inState("short"),
      paused: inState("paused"),
      filling: inState("filling"),
      full: inState("full"),
      retiring: inState("retiring"),
    },
    desired: sum(({ active, desired }) => (active ? desired : 0)),
    ready: sum(({ active, eligible }) => (active ? eligible : 0)),
    missing: sum(({ active, desired, eligible }) => (active ? Math.max(desired - eligible, 0) : 0)),
    building: sum(({ starting }) => starting),
    failing: sum(({ failed, delete_failed }) => failed + delete_failed),
  };
}

/** How the pools are in one sentence, which changes only when somebody should hear of it. */
export function sentenceOf({ pools, byState: { stopped, short, paused, filling } }: Totals): string {
  if (pools === 0) return "There are no pools.";
  const counts = (
    [
      ["stopped", stopped],
      ["short", short],
      ["paused", paused],
      ["filling", filling],
    ] as const
  ).filter(([, count]) => count > 0);
  const [first, second] = counts;
  if (!first) return pools === 1 ? "The pool is full." : `All ${pools} pools are full.`;
  const [word, count] = first;
  if (!second && count === pools) return pools === 1 ? `The pool is ${word}.` : `All ${pools} pools are ${word}.`;
  const listed = counts.map(([state, number], index) =>
    index === 0 ? `${number} ${number === 1 ? "is" : "are"} ${state}` : `${number} ${state}`,
  );
  const last = listed.pop();
  return `Of ${pools} pools, ${listed.length === 0 ? last : `${listed.join(", ")} and ${last}`}.`;
}

/** The same for the title of a window, where only the beginning can be read: the most urgent. */
export function headlineOf({ pools, byState: { stopped, short, paused, filling } }: Totals): string {
  if (pools === 0) return "no pools";
  const [count, word] =
    stopped > 0 && short === 0
      ? [stopped, "stopped"]
      : short > 0
        ? [stopped + short, "short"]
        : paused > 0
          ? [paused, "paused"]
          : [filling, "filling"];
  return count === 0 ? `${pools} of ${pools} pools full` : `${count} of ${pools} pools ${word}`;
}
