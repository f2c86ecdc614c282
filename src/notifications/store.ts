import type pg from "pg";
import type { Queryable } from "../db/connection.ts";
import type { Scheduling } from "../prebuilds/snapshot.ts";
import type {
  NotificationChannel,
  NotificationData,
  NotificationEvent,
  NotifiedPool,
  OutgoingMessage,
} from "./event.ts";

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
const RECIPIENTS = `
  select u.id, u.username, u.email from users u
  where u.status = 'active' and not u.deleted and not u.is_system
    and ('template-admin' = any (u.rbac_roles) or exists (
      select from organization_members m
      where m.organization_id = $1 and m.user_id = u.id and 'organization-template-admin' = any (m.roles)))`;

/** The names of those who are told of what happens to the pools of an organization. */
export async function readRecipients(db: Queryable, organizationId: string): Promise<string[]> {
  const { rows } = await db.query<{ username: string }>(
    `select username from (${RECIPIENTS}) r order by lower(username)`,
    [organizationId],
  );
  return rows.map(({ username }) => username);
}

/** Of many claims in one message, how many of the newest are kept. */
const CLAIMS_KEPT = 20;

/** What a message says once another event has become part of it. */
const MERGED = `excluded.data
  || case when excluded.data ? 'claims' then jsonb_build_object('claims', (
      select jsonb_agg(newest.claim order by newest.place) from (
        select claim, place
        from jsonb_array_elements(m.data->'claims' || (excluded.data->'claims')) with ordinality c (claim, place)
        order by place desc limit ${CLAIMS_KEPT}) newest)) else '{}' end
  || case when excluded.data ? 'misses' then jsonb_build_object('misses',
      (m.data->>'misses')::bigint + (excluded.data->>'misses')::bigint) else '{}' end`;

/** A message that an event was written into. */
export type WrittenMessage = {
  readonly id: string;
  readonly channel: NotificationChannel;
  /** It was not there before. */
  readonly isNew: boolean;
};

/**
 * Writes an event into the messages to all that are to be told of it: into those that wait, else into new ones.
 * @param event.about what the event is about; events with the same are put together
 * @param event.sendAfter until when others are added; null when nothing is
 */
export async function writeMessages(
  client: pg.PoolClient,
  event: {
    readonly event: NotificationEvent;
    readonly about: string;
    readonly data: NotificationData;
    readonly channels: readonly NotificationChannel[];
    readonly now: Date;
    readonly sendAfter: Date | null;
  },
): Promise<WrittenMessage[]> {
  // Always in the same order, so that of two that write at once one simply waits for the other.
  const { rows } = await client.query<WrittenMessage>(
    `insert into notification_messages as m
       (created_at, updated_at, event, about, data, channel, user_id, status, send_after)
     select $2, $2, $3, $4, $5, told.channel, told.user_id, $6, $7
     from (
       select c.channel, r.id as user_id
       from (${RECIPIENTS}) r cross join unnest($8::text[]) c (channel)
       where c.channel = 'inbox' or (c.channel = 'email' and r.email <> '')
       union all
       select 'webhook', null where 'webhook' = any ($8)
     ) told
     order by told.channel, told.user_id
     on conflict (event, about, channel, coalesce(user_id, '00000000-0000-0000-0000-000000000000'::uuid))
       where status = 'waiting'
     do update set occurrences = m.occurrences + 1, updated_at = excluded.updated_at, read_at = null, data = ${MERGED}
     returning m.id, m.channel, m.occurrences = 1 as "isNew"`,
    [
      event.data.pool.organizationId,
      event.now,
      event.event,
      event.about,
      JSON.stringify(event.data),
      event.sendAfter === null ? "sending" : "waiting",
      event.sendAfter ?? event.now,
      event.channels,
    ],
  );
  return rows;
}

/**
 * Closes a message, so that nothing is added to it any more, and reads what it says.
 * @returns undefined when it is gone, or has been delivered or given up
 */
export async function closeMessage(db: Queryable, id: string): Promise<OutgoingMessage | undefined> {
  const { rows } = await db.query<OutgoingMessage>(
    `with closed as (
       update notification_messages set status = 'sending' where id = $1 and status in ('waiting', 'sending')
       returning id, event, channel, user_id, created_at, occurrences, data)
     select m.id, m.event, m.channel, m.created_at as "createdAt", m.occurrences, m.data,
       case when u.id is not null then json_build_object('username', u.username, 'email', u.email,
         'isActive', u.status = 'active' and not u.deleted) end as recipient
     from closed m left join users u on u.id = m.user_id`,
    [id],
  );
  return rows[0];
}

/** Notes that a message has been delivered. */
export async function markSent(db: Queryable, id: string, now: Date): Promise<void> {
  await db.query(
    `update notification_messages set status = 'sent', sent_at = $2, updated_at = $2, error = ''
     where id = $1 and status = 'sending'`,
    [id, now],
  );
}

/** Notes why an attempt to deliver a message has failed. */
export async function markTried(db: Queryable, id: string, error: string, now: Date): Promise<void> {
  await db.query("update notification_messages set error = $2, updated_at = $3 where id = $1 and status = 'sending'", [
    id,
    error,
    now,
  ]);
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
export async function markFailed(
  db: Queryable,
  id: string,
  error: string | null,
  now: Date,
): Promise<GivenUp | undefined> {
  const { rows } = await db.query<GivenUp>(
    `update notification_messages m set status = 'failed', error = coalesce($2, m.error), updated_at = $3
     where m.id = $1 and m.status in ('waiting', 'sending')
     returning m.event, m.channel, m.error, (select u.username from users u where u.id = m.user_id) as recipient`,
    [id, error, now],
  );
  return rows[0];
}

/** Forgets the messages from before a time, read or not; returns how many. */
export async function forgetMessages(db: Queryable, before: Date): Promise<number> {
  const { rowCount } = await db.query("delete from notification_messages where created_at < $1", [before]);
  return rowCount ?? 0;
}
