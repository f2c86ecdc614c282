import type { Queryable } from "../db/connection.ts";
import type { InboxRow, ReadStatus } from "./view.ts";

const COLUMNS = "m.id, d.event, m.created_at, m.read_at, d.occurrences, d.data";
/** What is in the inbox of `$1`, at once: what still waits for more of its kind changes there as it comes. */
const IN_INBOX = "m.user_id = $1 and m.channel = 'inbox'";
const DIGEST = "join notification_digests d on d.id = m.digest_id";
const IS: Readonly<Record<ReadStatus, string>> = {
  all: "",
  read: "and m.read_at is not null",
  unread: "and m.read_at is null",
};

/** One page of a user's messages, the newest first, and how many there are in all. */
export async function listInbox(
  db: Queryable,
  userId: string,
  readStatus: ReadStatus,
  page: { readonly limit: number; readonly offset: number },
): Promise<{ messages: InboxRow[]; total: number }> {
  const { rows } = await db.query<InboxRow & { total: number }>(
    `select total.count as total, page.*
     from (select count(*)::int as count from notification_messages m where ${IN_INBOX} ${IS[readStatus]}) total
     left join (
       select ${COLUMNS} from notification_messages m ${DIGEST} where ${IN_INBOX} ${IS[readStatus]}
       order by m.created_at desc, m.id desc limit $2 offset $3
     ) page on true
     order by page.created_at desc, page.id desc`,
    [userId, page.limit, page.offset],
  );
  return { messages: rows.filter(({ id }) => id !== null), total: rows[0]?.total ?? 0 };
}

/** Finds a message in a user's inbox. */
export async function findInboxMessage(db: Queryable, userId: string, id: string): Promise<InboxRow | undefined> {
  const { rows } = await db.query<InboxRow>(
    `select ${COLUMNS} from notification_messages m ${DIGEST} where ${IN_INBOX} and m.id = $2`,
    [userId, id],
  );
  return rows[0];
}

/**
 * Marks a message in a user's inbox as read or not; one that was read before keeps the time of that.
 * @returns the message as it is now
 */
export async function markRead(
  db: Queryable,
  userId: string,
  id: string,
  readAt: Date | null,
): Promise<InboxRow | undefined> {
  const { rows } = await db.query<InboxRow>(
    `update notification_messages m
     set read_at = case when $3::timestamptz is not null then coalesce(m.read_at, $3) end
     from notification_digests d where ${IN_INBOX} and m.id = $2 and d.id = m.digest_id returning ${COLUMNS}`,
    [userId, id, readAt],
  );
  return rows[0];
}

/** Marks all messages in a user's inbox as read. */
export async function markAllRead(db: Queryable, userId: string, now: Date): Promise<void> {
  // Locked in the order in which telling of more events locks them.
  await db.query(
    `with locked as materialized (
       select m.id from notification_messages m where ${IN_INBOX} and m.read_at is null order by m.id for no key update
     )
     update notification_messages m set read_at = $2 from locked l where m.id = l.id`,
    [userId, now],
  );
}
