import type pg from "pg";
import type { BudgetPolicy } from "./budgets/effective.ts";
import type { Clock } from "./clock.ts";
import type { Logger } from "./log.ts";
import type { NotificationChannel } from "./notifications/event.ts";
import type { ClaimPrebuild } from "./prebuilds/claim.ts";
import type { MissReason } from "./prebuilds/claim-store.ts";
import type { FailureSettings } from "./prebuilds/failures-store.ts";
import type { PlanSettings } from "./prebuilds/plan.ts";
import type { BuildQueue } from "./provisioner/queue.ts";
import type { Wake } from "./wake.ts";

/** How the pools are kept: what the plan needs, and what reading the pools needs. */
export type PoolSettings = PlanSettings & FailureSettings;

/** How people are told of what happens. */
export type NotificationSettings = {
  /** For how long equal events are collected into one message; 0 means that each is a message of its own. */
  readonly windowMs: number;
  /** The channels that are set up. */
  readonly channels: readonly NotificationChannel[];
};

/** What every part of the daemon that acts is handed: the outside world, and nothing of the other parts. */
export type Context = {
  readonly pool: pg.Pool;
  readonly queue: BuildQueue;
  readonly wake: Wake;
  readonly clock: Clock;
  readonly log: Logger;
  readonly poolSettings: PoolSettings;
  /** Whether nobody may share workspaces, whatever organizations say. */
  readonly workspaceSharingDisabled: boolean;
  readonly claimPrebuild: ClaimPrebuild;
  /** How one AI budget is chosen among those of several groups. */
  readonly aiBudgetPolicy: BudgetPolicy;
  readonly notifications: NotificationSettings;
  /**
   * Told of every answered request for a workspace: how long it took, why none was claimed if none was, and of which
   * preset it was, if of any.
   */
  onCreate?(seconds: number, missReason: MissReason | null, presetId: string | null): void;
  /** Told of every claim made in SQL whose claim build was queued here. */
  onClaimInSql?(presetId: string): void;
  /** Told of every request for a workspace that found nothing in the preset's pool. */
  onMiss?(presetId: string): void;
};
