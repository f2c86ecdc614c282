import { createNews, type Telling } from "../news.ts";
import { poolName } from "./name.ts";
import type { PoolState } from "./state.ts";

type NamedState = {
  readonly pool: { readonly id: string; readonly templateName: string; readonly presetName: string };
  readonly plan: { readonly state: PoolState };
};

/** What a person wants to know of one pool while it fills. */
export type PoolProgress = {
  readonly pool: string;
  readonly wanted: number;
  readonly building: number;
  readonly ready: number;
};

/** The pools whose progress differs from what was last told; remembers what it tells. */
export function createProgress(): (pools: readonly NamedState[]) => PoolProgress[] {
  const news = createNews<Telling & { readonly progress: PoolProgress }>();
  return (pools) => news(pools.map(progressOf)).map(({ progress }) => progress);
}

function progressOf({ pool, plan }: NamedState) {
  const progress = {
    pool: poolName(pool),
    wanted: plan.state.desired,
    building: plan.state.starting + (plan.state.actual - plan.state.expired - plan.state.eligible),
    ready: plan.state.eligible,
  };
  return { about: pool.id, says: JSON.stringify(progress), progress };
}
