import type pg from "pg";
import type { Queryable } from "../db/connection.ts";
import { SYSTEM_USER } from "../system-user.ts";

/** When a workspace is due: to start by `tick`, for everything else by `steadyTick` (see clock-jump.ts). */
export type Ticks = { readonly tick: Date; readonly steadyTick: Date };

const nanoseconds = (column: string): string => `make_interval(secs => ${column} / 1e9)`;

/** What a build that was canceled was to end goes on. */
const MAY_RUN = "(w.latest_transition = 'start' or w.latest_job_status = 'canceled')";

/** Of one template or owner as many in one minute; so the planner knows that there are few, and takes the index. */
const EACH = 1_000;

/**
 * Selects the workspaces that a rule may be due for, $1 being `tick` and $2 `steadyTick`: one branch for each rule, each
 * with an index that holds candidates only. What is selected is decided again, for it is a little more than is due.
 */
export const DUE = `
  select id from (
    select w.id, w.latest_template_version_id as version_id from workspaces w
    where w.latest_deadline is not null and w.latest_deadline <= $2 and not w.deleted and w.dormant_at is null
      and w.latest_job_status in ('succeeded', 'canceled') and ${MAY_RUN} and w.owner_id <> ${SYSTEM_USER}
    union
    select theirs.id, theirs.version_id from users u
    cross join lateral (
      select w.id, w.latest_template_version_id as version_id from workspaces w
      where w.owner_id = u.id and w.owner_id <> ${SYSTEM_USER} and not w.deleted and w.dormant_at is null
        and w.latest_job_status in ('succeeded', 'canceled') and ${MAY_RUN}
      order by w.id limit ${EACH}
    ) theirs
    where u.status = 'suspended' and not u.deleted
    union
    select w.id, w.latest_template_version_id from workspaces w
    join users u on u.id = w.owner_id and u.status = 'active'
    join templates t on t.id = w.template_id and t.allow_user_autostart
    where w.next_start_at is not null and w.next_start_at <= $1 and not w.deleted and w.dormant_at is null
      and w.latest_transition = 'stop' and w.latest_job_status in ('succeeded', 'canceled')
      and w.owner_id <> ${SYSTEM_USER}
    union
    select failed.id, failed.version_id from templates t
    cross join lateral (
      select w.id, w.latest_template_version_id as version_id from workspaces w
      where w.template_id = t.id and w.owner_id <> ${SYSTEM_USER} and not w.deleted
        and w.latest_failed_at is not null and w.latest_transition in ('start', 'stop')
        and w.latest_failed_at < $2 - ${nanoseconds("t.failure_ttl")}
      order by w.latest_failed_at limit ${EACH}
    ) failed
    where t.failure_ttl > 0
    union
    select unused.id, unused.version_id from templates t
    cross join lateral (
      select w.id, w.latest_template_version_id as version_id from workspaces w
      where w.template_id = t.id and w.owner_id <> ${SYSTEM_USER} and not w.deleted and w.dormant_at is null
        and w.latest_job_status in ('succeeded', 'failed', 'canceled')
        and w.last_used_at < $2 - ${nanoseconds("t.time_til_dormant")}
      order by w.last_used_at limit ${EACH}
    ) unused
    where t.time_til_dormant > 0
    union
    select w.id, w.latest_template_version_id from workspaces w
    join templates t on t.id = w.template_id and t.time_til_dormant_autodelete > 0
    where w.deleting_at is not null and w.deleting_at < $2 and not w.deleted and w.dormant_at is not null
      and w.latest_job_status in ('succeeded', 'failed', 'canceled') and w.owner_id <> ${SYSTEM_USER}
      and not (w.latest_transition = 'delete' and coalesce(w.latest_failed_at > $2 - interval '24 hours', false))
  ) due
  order by version_id, id`;

/** The workspaces that a rule may be due for, those of one template version after another. */
export async function readDue(db: Queryable, { tick, steadyTick }: Ticks): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>(DUE, [tick, steadyTick]);
  return rows.map(({ id }) => id);
}

/**
 * Locks a workspace, so that nobody else acts on it by its lifecycle, or changes it, until the transaction ends. False
 * when somebody else does already: to wait for them would keep a connection from those who serve people.
 */
export async function tryLockLifecycle(client: pg.PoolClient, workspaceId: string): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>(
    "select pg_try_advisory_xact_lock(hashtextextended('lifecycle-executor:' || $1::text, 0)) as locked",
    [workspaceId],
  );
  if (rows[0]?.locked !== true) return false;
  const row = await client.query("select from workspaces where id = $1 for no key update skip locked", [workspaceId]);
  return row.rowCount === 1;
}
