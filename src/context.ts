import type pg from "pg";
import type { Clock } from "./clock.ts";
import type { Logger } from "./log.ts";
import type { ClaimPrebuild } from "./prebuilds/claim.ts";
import type { MissReason } from "./prebuilds/claim-store.ts";
import type { PlanSettings } from "./prebuilds/plan.ts";
import type { BuildQueue } from "./provisioner/queue.ts";
import type { Wake } from "./wake.ts";

/** How the pools are kept: what the plan needs, and what reading the pools needs. */
export type PoolSettings = PlanSettings & {
  /** Failures older than this delay nothing any more, in milliseconds. */
  readonly backoffLookbackMs: number;
  /** After this many failed builds in a row a pool creates no more; 0 means that it always does. */
  readonly failureHardLimit: number;
};

/** What every part of the daemon that acts is handed: the outside world, and nothing of the other parts. */
export type Context = {
  readonly pool: pg.Pool;
  readonly queue: BuildQueue;
  readonly wake: Wake;
  readonly clock: Clock;
  readonly log: Logger;
  readonly poolSettings: PoolSettings;
  readonly claimPrebuild: ClaimPrebuild;
  /** Told of every answered request for a workspace: how long it took, and why none was claimed if none was. */
  onCreate?(seconds: number, missReason: MissReason | null): void;
};
