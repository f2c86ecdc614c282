import { randomUUID } from "node:crypto";
import type { JobStatus, Transition } from "../../src/vocabulary.ts";
import { count, givenUser } from "../support/given.ts";
import type { LifecycleWorld } from "./support.ts";

type Instant = string | Date | null;

export type GivenWorkspaces = {
  /** How many; one unless it is given. */
  readonly count?: number;
  /** A new user unless it is given. */
  readonly ownerId?: string;
  /** The latest build and only one: a start that has succeeded unless it is given. */
  readonly transition?: Transition;
  readonly status?: JobStatus;
  /** When the build was asked for, and when it ended: now, unless it is given. */
  readonly builtAt?: Instant;
  /** One for all, or one for each. */
  readonly deadline?: Instant | readonly Instant[];
  readonly maxDeadline?: Instant;
  readonly autostart?: string;
  readonly nextStartAt?: Instant;
  readonly ttlMs?: number;
  readonly lastUsedAt?: Instant;
  readonly dormantAt?: Instant;
  readonly deletingAt?: Instant;
  readonly deleted?: boolean;
  readonly automaticUpdates?: "always" | "never";
  /** Whether the lifecycle was computed from the end of the build; true unless it is given. */
  readonly settled?: boolean;
};

/** Puts workspaces of people there as workers would have left them; returns their ids. */
export async function givenWorkspaces(
  { context, pool }: Pick<LifecycleWorld, "context" | "pool">,
  given: GivenWorkspaces = {},
): Promise<string[]> {
  const ids = Array.from({ length: given.count ?? 1 }, () => randomUUID());
  const ownerId = given.ownerId ?? (await givenUser(context));
  const { deadline = null, status = "succeeded", transition = "start" } = given;
  const builtAt = given.builtAt ?? context.clock.now();
  await context.pool.query(
    `insert into workspaces (id, created_at, owner_id, organization_id, template_id, name, autostart_schedule,
       next_start_at, ttl, last_used_at, dormant_at, deleting_at, deleted, automatic_updates)
     select w.id, $2, $3, $4, $5, 'ws-' || w.id, $6, $7, $8, $9, $10, $11, $12, $13 from unnest($1::uuid[]) as w (id)`,
    [
      ids,
      builtAt,
      ownerId,
      pool.organizationId,
      pool.templateId,
      given.autostart ?? null,
      given.nextStartAt ?? null,
      given.ttlMs === undefined ? null : given.ttlMs * 1_000_000,
      given.lastUsedAt ?? context.clock.now(),
      given.dormantAt ?? null,
      given.deletingAt ?? null,
      given.deleted ?? false,
      given.automaticUpdates ?? "never",
    ],
  );
  // The trigger repeats how the job is, so the job is there, and has ended, before the build.
  await context.pool.query(
    `insert into provisioner_jobs (id, created_at, updated_at, started_at, completed_at, canceled_at, error,
       organization_id, initiator_id, provisioner, type, input)
     select w.id, $2, $2, case when $3 <> 'pending' then $2::timestamptz end,
       case when $3 in ('succeeded', 'failed', 'canceled') then $2::timestamptz end,
       case when $3 in ('canceling', 'canceled') then $2::timestamptz end, case when $3 = 'failed' then 'no room' end,
       $4, $5, 'command', 'workspace_build', '{}'
     from unnest($1::uuid[]) as w (id)`,
    [ids, builtAt, status, pool.organizationId, ownerId],
  );
  await context.pool.query(
    `insert into workspace_builds (created_at, updated_at, workspace_id, template_version_id, build_number, transition,
       initiator_id, job_id, deadline, max_deadline)
     select $2, $2, w.id, $3, 1, $4, $5, w.id, w.deadline, $7
     from unnest($1::uuid[], $6::timestamptz[]) as w (id, deadline)`,
    [
      ids,
      builtAt,
      pool.versionId,
      transition,
      ownerId,
      Array.isArray(deadline) ? deadline : ids.map(() => deadline),
      given.maxDeadline ?? null,
    ],
  );
  if (given.settled ?? true) {
    await context.pool.query("update workspaces set lifecycle_build_id = latest_build_id where id = any($1)", [ids]);
  }
  return ids;
}

/** The only workspace of `givenWorkspaces`. */
export async function givenWorkspace(
  world: Pick<LifecycleWorld, "context" | "pool">,
  given: Omit<GivenWorkspaces, "count"> = {},
): Promise<string> {
  const [id] = await givenWorkspaces(world, given);
  return id ?? "";
}

/** How many of the workspaces have exactly one build for this reason, and how many have more. */
export async function builtFor(
  { context }: Pick<LifecycleWorld, "context">,
  ids: readonly string[],
  reason: string,
): Promise<{ once: number; more: number }> {
  const builds = `(select workspace_id, count(*) as n from workspace_builds
    where reason = $1 and workspace_id = any($2) group by workspace_id) x`;
  return {
    once: await count(context, `${builds} where n = 1`, [reason, ids]),
    more: await count(context, `${builds} where n > 1`, [reason, ids]),
  };
}
