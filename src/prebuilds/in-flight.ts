import type { Action, PresetPlan } from "./plan.ts";
import { type PresetSnapshot, withheldBy } from "./snapshot.ts";

type Slot = { readonly pool: number; readonly held: boolean; readonly fill: number; readonly members: number };

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
  const wanted = plans.reduce((sum, plan) => sum + createCount(plan), 0);
  if (wanted <= free) return plans;

  const granted = new Map<number, number>();
  for (const { pool } of slotsOf(presets, plans, free).toSorted(byEmptiness).slice(0, free)) {
    granted.set(pool, (granted.get(pool) ?? 0) + 1);
  }
  return plans.map((plan, index) => withCreateCount(plan, granted.get(index) ?? 0));
}

/** How many prebuilds the plan creates. */
export function createCount(plan: PresetPlan): number {
  return plan.actions.find((action) => action.kind === "create")?.count ?? 0;
}

/** One slot for each prebuild that a pool would like to create, with how full the pool is just before it. */
function slotsOf(presets: readonly PresetSnapshot[], plans: readonly PresetPlan[], free: number): Slot[] {
  return plans.flatMap((plan, pool) => {
    const preset = presets[pool];
    const held = preset !== undefined && withheldBy(preset) !== undefined;
    const { desired, actual, expired, starting } = plan.state;
    return Array.from({ length: Math.min(createCount(plan), free) }, (_, created) => {
      const members = actual - expired + starting + created;
      return { pool, held, fill: members / desired, members };
    });
  });
}

/** Sorting is stable, so pools that are equally empty keep their order. */
function byEmptiness(a: Slot, b: Slot): number {
  return Number(a.held) - Number(b.held) || a.fill - b.fill || a.members - b.members;
}

function withCreateCount(plan: PresetPlan, count: number): PresetPlan {
  const actions = plan.actions.flatMap((action): Action[] => {
    if (action.kind !== "create") return [action];
    return count > 0 ? [{ ...action, count: Math.min(action.count, count) }] : [];
  });
  return { ...plan, actions };
}
