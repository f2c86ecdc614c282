import type pg from "pg";
import type { Queryable } from "../db/connection.ts";
import type { Scheduling } from "../prebuilds/snapshot.ts";
import type { NotificationChannel, NotificationEvent, NotifiedPool, OutgoingMessage } from "./event.ts";

const POOL_COLUMNS = `o.id as "organizationId", o.name as organization, t.id as "templateId", t.name as template,
  v.id as "templateVersionId", v.name as "templateVersion", p.id as "presetId", p.name as preset`;

const POOL_TABLES = `
  template_version_presets p
  join template_versions v on v.id = p.template_version_id
  join templates t on t.id = v.template_id
  join organizations o on o.id = t.organization_id`;

/** The pool of a preset, as people are told of it; undefined when there is no such preset. */
export async function readNotifiedPool(client: Queryable, presetId: string): Promise<NotifiedPool | undefined> {
  const { rows } = await client.query<NotifiedPool>(`select ${POOL_COLUMNS} from ${POOL_TABLES} where p.id = $1`, [
    presetId,
  ]);
  return rows[0];
}

/** A pool in which requests found nothing, with what its size follows from. */
export type MissedPool = {
  readonly pool: NotifiedPool;
  readonly desiredInstances: number;
  readonly scheduling: Scheduling | null;
};

/** The pools of these presets; those that are gone or no pools any more are left out. */
export async function readMissedPools(db: Queryable, presetIds: readonly string[]): Promise<MissedPool[]> {
  const { rows } = await db.query<
    NotifiedPool & { desired: number; timezone: string; schedule: Scheduling["schedule"] | null }
  >(
    `select ${POOL_COLUMNS}, p.desired_instances as desired, p.scheduling_timezone as timezone,
       (select json_agg(json_build_object('cron', s.cron_expression, 'instances', s.desired_instances)
          order by s.position, s.id)
        from template_version_preset_prebuild_schedules s where s.preset_id = p.id) as schedule
     from ${POOL_TABLES}
     where p.id = any ($1::uuid[]) and p.desired_instances is not null and not t.deleted
     order by p.id`,
    [presetIds],
  );
  return rows.map(({ desired, timezone, schedule, ...pool }) => ({
    pool,
    desiredInstances: desired,
    scheduling: schedule && { timezone, schedule },
  }));
}

/** Who is told of what happens to the pools of the organization `$1`. */
export const RECIPIENTS = `
  select u.id, u.username, u.email from users u
  where u.status = 'active' and not u.deleted and not u.is_system
    and ('template-admin' = any (u.rbac_roles) or exists (
      select from organization_members m
      where m.organization_id = $1 and m.user_id = u.id and 'organization-template-admin' = any (m.roles)))`;

/** The names of those who have a digest in their inboxes. */
export async function readRecipients(db: Queryable, digestId: string): Promise<string[]> {
  const { rows } = await db.query<{ username: string }>(
    `select u.username from notification_messages m join users u on u.id = m.user_id
     where m.digest_id = $1 and m.channel = 'inbox' order by lower(u.username)`,
    [digestId],
  );
  return rows.map(({ username }) => username);
}

/**
 * Closes the digest of a message, so that nothing is added to it any more, and reads what it says.
 * @returns undefined when the message is gone, or has been delivered or given up
 */
export async function closeMessage(client: pg.PoolClient, id: string): Promise<OutgoingMessage | undefined> {
  await client.query(
    `update notification_digests set status = 'closed'
     where id = (select digest_id from notification_messages where id = $1 and status = 'waiting') and status = 'waiting'`,
    [id],
  );
  const { rows } = await client.query<OutgoingMessage>(
    `select m.id, m.digest_id as "digestId", m.channel, d.event, d.created_at as "createdAt", d.occurrences, d.data,
       case when u.id is not null then json_build_object('username', u.username, 'email', u.email,
         'isActive', u.status = 'active' and not u.deleted) end as recipient
     from notification_messages m join notification_digests d on d.id = m.digest_id left join users u on u.id = m.user_id
     where m.id = $1 and m.status = 'waiting'`,
    [id],
  );
  return rows[0];
}

/** Notes that a message has been delivered. */
export async function markSent(db: Queryable, id: string, now: Date): Promise<void> {
  await db.query(
    "update notification_messages set status = 'sent', sent_at = $2, error = '' where id = $1 and status = 'waiting'",
    [id, now],
  );
}

/** Notes why an attempt to deliver a message has failed. */
export async function markTried(db: Queryable, id: string, error: string): Promise<void> {
  await db.query("update notification_messages set error = $2 where id = $1 and status = 'waiting'", [id, error]);
}

/** A message that nobody will deliver any more. */
export type GivenUp = {
  readonly event: NotificationEvent;
  readonly channel: NotificationChannel;
  /** The user's name; null for the webhook. */
  readonly recipient: string | null;
  readonly error: string;
};

/** Gives a message up. @param error why; null: for what the last attempt failed of */
export async function markFailed(db: Queryable, id: string, error: string | null): Promise<GivenUp | undefined> {
  const { rows } = await db.query<GivenUp>(
    `update notification_messages m set status = 'failed', error = coalesce($2, m.error)
     from notification_digests d
     where m.id = $1 and m.status = 'waiting' and d.id = m.digest_id
     returning d.event, m.channel, m.error, (select u.username from users u where u.id = m.user_id) as recipient`,
    [id, error],
  );
  return rows[0];
}

/** Forgets the messages from before a time, read or not; returns how many digests. */
export async function forgetMessages(db: Queryable, before: Date): Promise<number> {
  // First the messages, in the order in which they are marked as read; then nothing is left to go with the digests.
  await db.query(
    `with locked as materialized (
       select id from notification_messages where created_at < $1 order by id for update
     )
     delete from notification_messages m using locked l where m.id = l.id`,
    [before],
  );
  const { rowCount } = await db.query("delete from notification_digests where created_at < $1", [before]);
  return rowCount ?? 0;
}
