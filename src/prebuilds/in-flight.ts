import type { Action, PresetPlan } from "./plan.ts";
import { type PresetSnapshot, withheldBy } from "./snapshot.ts";

/** A pool that would like to create prebuilds: how many it has, is to have, and asks for. */
type Asking = { readonly pool: number; readonly members: number; readonly desired: number; readonly wanted: number };

/** Halving the range so often leaves less between two fills than any two prebuilds of a pool can lie apart. */
const HALVINGS = 60;

/**
 * Lowers the creations of a plan until no more prebuilds are being started at once than `max`, counting those that are
 * being started already; 0 means as many as there are. What is free goes to the emptiest pools first, prebuild by
 * prebuild, so that all pools fill up together. Pools whose creations are held back anyway get what nobody else needs.
 */
export function shareInFlight(
  presets: readonly PresetSnapshot[],
  plans: readonly PresetPlan[],
  max: number,
): readonly PresetPlan[] {
  if (max === 0) return plans;
  const underWay = plans.reduce((sum, { state }) => sum + state.starting, 0);
  const free = Math.max(max - underWay, 0);
  const asking = plans.map(askingOf).filter(({ wanted }) => wanted > 0);
  if (total(asking) <= free) return plans;

  const isHeld = ({ pool }: Asking) => presets[pool] !== undefined && withheldBy(presets[pool]) !== undefined;
  const first = asking.filter((one) => !isHeld(one));
  const granted = share(first, free);
  const left = free - [...granted.values()].reduce((sum, count) => sum + count, 0);
  for (const [pool, count] of share(asking.filter(isHeld), left)) granted.set(pool, count);
  return plans.map((plan, index) => withCreateCount(plan, granted.get(index) ?? 0));
}

/** How many prebuilds the plan creates. */
export function createCount(plan: PresetPlan): number {
  return plan.actions.find((action) => action.kind === "create")?.count ?? 0;
}

function askingOf(plan: PresetPlan, pool: number): Asking {
  const { desired, actual, expired, starting } = plan.state;
  return { pool, members: actual - expired + starting, desired, wanted: createCount(plan) };
}

/**
 * Fills all pools to the highest level, as a part of their size, that the free prebuilds allow; those that are left
 * over then go one by one to the emptiest. Pools that are equally empty keep their order.
 */
function share(asking: readonly Asking[], free: number): Map<number, number> {
  if (total(asking) <= free) return new Map(asking.map(({ pool, wanted }) => [pool, wanted]));
  let [level, tooHigh] = [0, 1];
  for (let halving = 0; halving < HALVINGS; halving += 1) {
    const middle = (level + tooHigh) / 2;
    const used = asking.reduce((sum, one) => sum + countBelow(one, middle), 0);
    if (used <= free) level = middle;
    else tooHigh = middle;
  }
  const granted = new Map(asking.map((one) => [one.pool, countBelow(one, level)]));
  const left = free - [...granted.values()].reduce((sum, count) => sum + count, 0);
  const membersOf = ({ pool, members }: Asking) => members + (granted.get(pool) ?? 0);
  const emptiest = asking
    .filter(({ pool, wanted }) => (granted.get(pool) ?? 0) < wanted)
    .toSorted((a, b) => membersOf(a) / a.desired - membersOf(b) / b.desired || membersOf(a) - membersOf(b));
  for (const { pool } of emptiest.slice(0, left)) granted.set(pool, (granted.get(pool) ?? 0) + 1);
  return granted;
}

/** How many prebuilds a pool would create before it is as full as the level. */
function countBelow({ members, desired, wanted }: Asking, level: number): number {
  return Math.min(Math.max(Math.ceil(level * desired - members), 0), wanted);
}

const total = (asking: readonly Asking[]): number => asking.reduce((sum, { wanted }) => sum + wanted, 0);

function withCreateCount(plan: PresetPlan, count: number): PresetPlan {
  const actions = plan.actions.flatMap((action): Action[] => {
    if (action.kind !== "create") return [action];
    return count > 0 ? [{ ...action, count: Math.min(action.count, count) }] : [];
  });
  return { ...plan, actions };
}
