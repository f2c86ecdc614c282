import type pg from "pg";
import type { Queryable } from "../db/connection.ts";
import { storableJson } from "../storable.ts";
import type { Digested } from "./digest.ts";
import type { NotificationChannel, NotificationData, NotificationEvent } from "./event.ts";
import { RECIPIENTS } from "./store.ts";

/** Keeps what has happened until people are told of it; returns its id. */
export async function addEvent(
  client: Queryable,
  {
    event,
    about,
    data,
    now,
  }: {
    readonly event: NotificationEvent;
    readonly about: string;
    readonly data: NotificationData;
    readonly now: Date;
  },
): Promise<string> {
  const { rows } = await client.query<{ id: string }>(
    "insert into notification_events (created_at, event, about, data) values ($1, $2, $3, $4) returning id",
    [now, event, about, storableJson(data)],
  );
  return rows[0]?.id ?? "";
}

/** What two events have in common that are put together; `about` is the pool. */
export type EventKind = { readonly event: NotificationEvent; readonly about: string };

/** Of which kind these events are; those that have been told already are left out. */
export async function readEventKinds(db: Queryable, ids: readonly string[]): Promise<(EventKind & { id: string })[]> {
  const { rows } = await db.query<EventKind & { id: string }>(
    "select id, event, about from notification_events where id = any ($1::uuid[]) order by created_at, id",
    [ids],
  );
  return rows;
}

/** Takes events away, so that nobody else tells of them; returns what is said of those that were still there. */
export async function takeEvents(client: pg.PoolClient, ids: readonly string[]): Promise<NotificationData[]> {
  // Locked in one order, because another worker may have some of them, which has seemed dead for a while.
  const { rows } = await client.query<{ data: NotificationData }>(
    `with locked as materialized (
       select id from notification_events where id = any ($1::uuid[]) order by id for update
     ), taken as (
       delete from notification_events e using locked l where e.id = l.id returning e.id, e.created_at, e.data
     )
     select data from taken order by created_at, id`,
    [ids],
  );
  return rows.map(({ data }) => data);
}

/** Closes the digest whose time is over, which nothing has closed if nothing of it was to be sent. */
export async function closeOver(client: pg.PoolClient, { event, about }: EventKind, now: Date): Promise<void> {
  await client.query(
    `update notification_digests set status = 'closed'
     where event = $1 and about = $2 and status = 'waiting' and send_after <= $3`,
    [event, about, now],
  );
}

/** A digest whose row this transaction has locked; `before` is what it has said until now, if it was there. */
export type OpenDigest = { readonly id: string; readonly before: Digested | undefined };

/**
 * Makes a digest, or locks the one that waits for events of this kind.
 * @param sendAfter until when others are added; null when nothing is
 */
export async function openDigest(
  client: pg.PoolClient,
  { event, about }: EventKind,
  { data, occurrences }: Digested,
  { now, sendAfter }: { readonly now: Date; readonly sendAfter: Date | null },
): Promise<OpenDigest> {
  const { rows } = await client.query<Digested & { id: string; isNew: boolean }>(
    `insert into notification_digests as d (created_at, updated_at, event, about, data, occurrences, status, send_after)
     values ($1, $1, $2, $3, $4, $5, $6, $7)
     on conflict (event, about) where status = 'waiting' do update set updated_at = excluded.updated_at
     returning d.id, d.data, d.occurrences, d.xmax = 0 as "isNew"`,
    [now, event, about, storableJson(data), occurrences, sendAfter === null ? "closed" : "waiting", sendAfter ?? now],
  );
  const row = rows[0];
  if (!row) throw new Error("the digest was neither made nor found");
  return { id: row.id, before: row.isNew ? undefined : { data: row.data, occurrences: row.occurrences } };
}

/** A message that somebody has to be sent, or has in the inbox already. */
export type AddedMessage = { readonly id: string; readonly channel: NotificationChannel };

/** Makes the messages of a digest: to each who is to be told, through each of the channels. */
export async function addMessages(
  client: pg.PoolClient,
  digestId: string,
  {
    organizationId,
    channels,
    now,
  }: { readonly organizationId: string; readonly channels: readonly NotificationChannel[]; readonly now: Date },
): Promise<AddedMessage[]> {
  const { rows } = await client.query<AddedMessage>(
    `insert into notification_messages (digest_id, created_at, channel, user_id, status, sent_at)
     select $2, $3, told.channel, told.user_id, case when told.channel = 'inbox' then 'sent' else 'waiting' end,
       case when told.channel = 'inbox' then $3::timestamptz end
     from (
       select c.channel, r.id as user_id
       from (${RECIPIENTS}) r cross join unnest($4::text[]) c (channel)
       where c.channel = 'inbox' or (c.channel = 'email' and r.email <> '')
       union all
       select 'webhook', null where 'webhook' = any ($4)
     ) told
     order by told.channel, told.user_id
     returning id, channel`,
    [organizationId, digestId, now, channels],
  );
  return rows;
}

/** Writes what a digest says now, which is new to those who have read it. */
export async function updateDigest(client: pg.PoolClient, id: string, { data, occurrences }: Digested): Promise<void> {
  await client.query("update notification_digests set data = $2, occurrences = $3 where id = $1", [
    id,
    storableJson(data),
    occurrences,
  ]);
  await client.query(
    `with locked as materialized (
       select id from notification_messages where digest_id = $1 and channel = 'inbox' and read_at is not null
       order by id for no key update
     )
     update notification_messages m set read_at = null from locked l where m.id = l.id`,
    [id],
  );
}

/** Forgets an event of which nobody could be told; returns its kind. */
export async function dropEvent(client: Queryable, id: string): Promise<EventKind | undefined> {
  const { rows } = await client.query<EventKind>(
    "delete from notification_events where id = $1 returning event, about",
    [id],
  );
  return rows[0];
}
