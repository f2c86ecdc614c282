import type pg from "pg";
import type { Actor } from "../audit/entry.ts";
import { prepared, type Queryable } from "../db/connection.ts";
import { SYSTEM_USER } from "../system-user.ts";
import type { Claimed } from "./claimed.ts";

/** Why a workspace was built anew instead of claimed. */
export const MISS_REASONS = [
  "no_preset",
  "no_pool",
  "inactive_version",
  "parameters",
  "pool_empty",
  "not_ready",
  "paused",
] as const;
export type MissReason = (typeof MISS_REASONS)[number];

/** A request that must not be carried out twice: the caller's key for it, and a hash of all that it asks for. */
export type IdempotentRequest = { readonly key: string; readonly hash: Buffer };

/** What a claim asks for, and what it writes on the workspace and its claim build. */
export type Claim = {
  readonly presetId: string;
  /** Prebuilds created before this are expired and not to be given out; null: those of any age are good. */
  readonly oldestFresh: Date | null;
  readonly ownerId: string;
  readonly initiatorId: string;
  readonly name: string;
  readonly autostartSchedule: string | null;
  readonly nextStartAt: Date | null;
  /** Nanoseconds; null means no autostop. */
  readonly ttl: number | null;
  readonly automaticUpdates: "always" | "never";
  readonly parameters: readonly { readonly name: string; readonly value: string }[];
  readonly now: Date;
  /** Who asks, for the audit log. */
  readonly actor: Actor;
  /** The trace that the claim build belongs to, if any. */
  readonly traceParent?: string | null;
  readonly request: IdempotentRequest | null;
};

/**
 * Hands prebuilds over to several claims at once: each gets one of its own, the oldest first, or none. The rows that
 * other transactions are just taking are skipped on the base table itself, so that claims neither wait for one another
 * nor get the same workspace. The conditions on a workspace are those of the index `workspaces_claimable`, word for
 * word, and that it does not cost more than it may; parameters $1 to $17 are those of `claimParameters`.
 */
export const CLAIM = `
  wanted as materialized (
    select u.*, gen_random_uuid() as build_id, gen_random_uuid() as job_id, may_own,
      row_number() over (partition by preset_id, may_own order by n) as place
    from (
      select * from unnest($2::uuid[], $3::timestamptz[], $4::uuid[], $5::text[], $6::text[], $7::timestamptz[],
        $8::bigint[], $9::text[], $10::uuid[], $11::text[], $12::text[], $13::uuid[], $14::text[], $15::bytea[])
        with ordinality
        as a (preset_id, oldest_fresh, owner_id, name, autostart_schedule, next_start_at, ttl, automatic_updates,
          initiator_id, ip, user_agent, request_id, request_key, request_hash, n)
      -- All of them: the limit is their number. It is there for the planner, which expects few because of it.
      limit $16
    ) u, lateral (
      -- Whoever has been deleted or removed since the request was let in gets nothing.
      select exists (
        select from template_version_presets p
        join organization_members m on m.organization_id = p.organization_id and m.user_id = u.owner_id
        join users o on o.id = m.user_id and not o.deleted
        where p.id = u.preset_id) as may_own
    ) owner
  ), demand as materialized (
    select q.preset_id, p.template_version_id, coalesce(max(q.oldest_fresh), '-infinity') as oldest_fresh,
      count(*) as places
    from wanted q
    join template_version_presets p on p.id = q.preset_id
    join templates t on t.active_version_id = p.template_version_id and not t.deleted
    where q.may_own
    group by q.preset_id, p.template_version_id
  ), picked as materialized (
    select d.preset_id, c.id, c.name as old_name, row_number() over (partition by d.preset_id order by c.created_at, c.id) as place
    from demand d
    cross join lateral (
      select w.id, w.created_at, w.name from workspaces w
      where w.preset_id = d.preset_id and w.owner_id = ${SYSTEM_USER} and not w.deleted and w.agents_ready
        and w.latest_transition = 'start' and w.latest_job_status = 'succeeded' and w.created_at >= d.oldest_fresh
        and (w.latest_template_version_id = d.template_version_id) is true and w.daily_cost <= $17::bigint
      order by w.created_at, w.id limit d.places for update of w skip locked
    ) c
  ), claimed as (
    update workspaces w
    set owner_id = q.owner_id, name = q.name, updated_at = $1, last_used_at = $1,
      autostart_schedule = q.autostart_schedule, next_start_at = q.next_start_at, ttl = q.ttl,
      automatic_updates = q.automatic_updates, dormant_at = null, deleting_at = null, latest_build_id = q.build_id,
      latest_build_number = w.latest_build_number + 1, latest_transition = 'start', latest_job_status = 'pending',
      agents_ready = false
    from picked p
    join wanted q on q.preset_id = p.preset_id and q.place = p.place and q.may_own
    where w.id = p.id and w.owner_id = ${SYSTEM_USER}
    returning w.id, w.organization_id, w.template_id, w.latest_build_number, w.latest_template_version_id, w.preset_id,
      w.owner_id, w.name, w.created_at, p.old_name, q.n, q.build_id, q.job_id, q.initiator_id, q.ip, q.user_agent, q.request_id,
      q.request_key, q.request_hash
  )`;

/** The jobs of a claim statement, for the queue. */
export const CLAIMED_JOBS = "select job_id as subject_id from claimed";

const claimAndBuild = (queued: string): string => `
  with ${CLAIM}, new_jobs as (
    insert into provisioner_jobs (id, created_at, updated_at, organization_id, initiator_id, provisioner, type, input,
      trace_parent)
    select c.job_id, $1, $1, c.organization_id, c.initiator_id, t.provisioner, 'workspace_build',
      jsonb_build_object('workspace_build_id', c.build_id, 'prebuilt_workspace_stage', 'claim'), ($21::text[])[c.n::int]
    from claimed c join templates t on t.id = c.template_id
  ), new_builds as (
    insert into workspace_builds (id, created_at, updated_at, workspace_id, template_version_id, build_number,
      transition, initiator_id, job_id, reason, template_version_preset_id)
    select build_id, $1, $1, id, latest_template_version_id, latest_build_number, 'start', initiator_id, job_id,
      'initiator', preset_id
    from claimed
  ), new_parameters as (
    insert into workspace_build_parameters (workspace_build_id, name, value)
    select c.build_id, p.name, p.value
    from unnest($18::int[], $19::text[], $20::text[]) as p (n, name, value) join claimed c on c.n = p.n
  ), new_requests as (
    insert into workspace_requests (user_id, idempotency_key, request_hash, workspace_id, created_at)
    select initiator_id, request_key, request_hash, id, $1 from claimed where request_key is not null
  ), new_entries as (
    insert into audit_logs (at, user_id, ip, user_agent, request_id, action, resource_type, resource_id,
      resource_target, organization_id, diff)
    select $1, c.initiator_id, c.ip, c.user_agent, c.request_id, 'claim', 'workspace', c.id,
      u.username || '/' || c.name, c.organization_id,
      jsonb_build_object('owner_id', jsonb_build_object('old', ${SYSTEM_USER}, 'new', c.owner_id),
        'name', jsonb_build_object('old', c.old_name, 'new', c.name))
    from claimed c join users u on u.id = c.owner_id
  ), queued as (${queued})
  select c.n::int as n, c.id as "workspaceId", c.created_at as "createdAt", $1::timestamptz as "claimedAt",
    o.username as "ownerName", i.username as "initiatorName", c.build_id as "buildId",
    c.latest_build_number as "buildNumber", c.job_id as "jobId"
  from claimed c join users o on o.id = c.owner_id join users i on i.id = c.initiator_id`;

/**
 * The values of the parameters $1 to $17 for claims that are made at the same moment.
 * @param allowance what a prebuild may cost a day to be given out
 */
export function claimParameters(claims: readonly Claim[], now: Date, allowance = 0): unknown[] {
  return [
    now,
    claims.map((claim) => claim.presetId),
    claims.map((claim) => claim.oldestFresh),
    claims.map((claim) => claim.ownerId),
    claims.map((claim) => claim.name),
    claims.map((claim) => claim.autostartSchedule),
    claims.map((claim) => claim.nextStartAt),
    claims.map((claim) => claim.ttl),
    claims.map((claim) => claim.automaticUpdates),
    claims.map((claim) => claim.initiatorId),
    claims.map(({ actor }) => actor.ip),
    claims.map(({ actor }) => actor.userAgent),
    claims.map(({ actor }) => actor.requestId),
    claims.map(({ request }) => request?.key ?? null),
    claims.map(({ request }) => request?.hash ?? null),
    claims.length,
    allowance,
  ];
}

/**
 * Claims a prebuild that costs nothing for each claim that can have one, with its claim build, job, queue item and audit
 * entry.
 * @param queued adds the jobs of `CLAIMED_JOBS` to the queue
 * @returns what each claim got, in their order; undefined where nothing can be claimed, and the error of a claim that
 * failed when others had already got theirs
 * @throws when an owner already has a workspace of a claim's name; then nothing is claimed at all
 */
export async function claimPrebuilds(
  db: Queryable,
  claims: readonly Claim[],
  queued: string,
): Promise<(Claimed | Error | undefined)[]> {
  const fresh: (Claimed | Error | undefined)[] = await claimOf(db, claims, queued);
  // Expired prebuilds are better than none, but only when no fresh one is left.
  const again = claims
    .map((claim, index) => ({ claim, index }))
    .filter(({ claim, index }) => {
      return fresh[index] === undefined && claim.oldestFresh !== null;
    });
  if (again.length === 0) return fresh;
  // What was claimed above is committed: a failure from here on concerns only those who still have nothing.
  const older = again.map(({ claim }) => ({ ...claim, oldestFresh: null }));
  const stale = await claimOf(db, older, queued).catch(() => eachAlone(db, older, queued));
  for (const [place, { index }] of again.entries()) fresh[index] = stale[place];
  return fresh;
}

/**
 * The same for one claim, of prebuilds that may cost up to `allowance` a day, in a transaction that has the owner's
 * quota to itself.
 */
export async function claimWithin(
  client: pg.PoolClient,
  claim: Claim,
  allowance: number,
  queued: string,
): Promise<Claimed | undefined> {
  const [fresh] = await claimOf(client, [claim], queued, allowance);
  if (fresh || claim.oldestFresh === null) return fresh;
  const [stale] = await claimOf(client, [{ ...claim, oldestFresh: null }], queued, allowance);
  return stale;
}

async function eachAlone(
  db: Queryable,
  claims: readonly Claim[],
  queued: string,
): Promise<(Claimed | Error | undefined)[]> {
  const results: (Claimed | Error | undefined)[] = [];
  for (const claim of claims) {
    const [result] = await claimOf(db, [claim], queued).catch((error: Error) => [error]);
    results.push(result);
  }
  return results;
}

async function claimOf(
  db: Queryable,
  claims: readonly Claim[],
  queued: string,
  allowance = 0,
): Promise<(Claimed | undefined)[]> {
  const parameters = claims.flatMap((claim, index) => claim.parameters.map((one) => ({ n: index + 1, ...one })));
  const { rows } = await db.query<Claimed & { n: number }>(
    prepared(claimAndBuild(queued), [
      ...claimParameters(claims, claims[0]?.now ?? new Date(0), allowance),
      parameters.map((one) => one.n),
      parameters.map((one) => one.name),
      parameters.map((one) => one.value),
      claims.some(({ traceParent }) => traceParent) ? claims.map(({ traceParent }) => traceParent ?? null) : null,
    ]),
  );
  const got = new Map(rows.map(({ n, ...claimed }) => [n, claimed]));
  return claims.map((_claim, index) => got.get(index + 1));
}

/** What a claim that got nothing has passed over: there is no prebuild that is ready, costs nothing and is not locked. */
export type PassedOver = {
  /** There are prebuilds that run but are not ready yet. */
  readonly unready: boolean;
  /** What the cheapest ready prebuild that has a cost costs a day; null when none has one. */
  readonly cheapest: number | null;
};

/** Looks at what is left in a pool in which a claim found nothing. */
export async function lookAtPool(db: Queryable, presetId: string): Promise<PassedOver> {
  const { rows } = await db.query<PassedOver>(
    `select
       exists (select from workspaces
         where owner_id = ${SYSTEM_USER} and not deleted and preset_id = $1
           and latest_transition = 'start' and latest_job_status = 'succeeded' and not agents_ready) as unready,
       -- As a condition this would let the planner read the costly prebuilds of all pools.
       (select min(w.daily_cost) filter (where w.daily_cost > 0) from template_version_presets p
         join templates t on t.active_version_id = p.template_version_id and not t.deleted
         join workspaces w on w.preset_id = p.id
         where p.id = $1 and w.preset_id = $1 and w.owner_id = ${SYSTEM_USER} and not w.deleted and w.agents_ready
           and w.latest_transition = 'start' and w.latest_job_status = 'succeeded'
           and (w.latest_template_version_id = p.template_version_id) is true) as cheapest`,
    [presetId],
  );
  return rows[0] ?? { unready: false, cheapest: null };
}
