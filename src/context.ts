import type pg from "pg";
import type { Clock } from "./clock.ts";
import type { Logger } from "./log.ts";
import type { ClaimPrebuild } from "./prebuilds/claim.ts";
import type { MissReason } from "./prebuilds/claim-store.ts";
import type { BuildQueue } from "./provisioner/queue.ts";
import type { Wake } from "./wake.ts";

/** How failures delay the pools; milliseconds. */
type PoolSettings = {
  /** How long one recent failure delays the next creations. */
  readonly backoffIntervalMs: number;
  /** Failures older than this no longer count. */
  readonly backoffLookbackMs: number;
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
