import type { Queryable } from "../db/connection.ts";
import type { InboxRow, ReadStatus } from "./view.ts";

const COLUMNS = "id, event, created_at, read_at, occurrences, data";
/** What is in the inbox of `$1`, at once: what still waits for more of its kind changes there as it comes. */
const IN_INBOX = "user_id = $1 and channel = 'inbox'";
const IS: Readonly<Record<ReadStatus, string>> = {
  all: "",
  read: "and read_at is not null",
  unread: "and read_at is null",
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
     from (select count(*)::int as count from notification_messages where ${IN_INBOX} ${IS[readStatus]}) total
     left join (
       select ${COLUMNS} from notification_messages where ${IN_INBOX} ${IS[readStatus]}
       order by created_at desc, id desc limit $2 offset $3
     ) page on true
     order by page.created_at desc, page.id desc`,
    [userId, page.limit, page.offset],
  );
  return { messages: rows.filter(({ id }) => id !== null), total: rows[0]?.total ?? 0 };
}

/** Finds a message in a user's inbox. */
export async function findInboxMessage(db: Queryable, userId: string, id: string): Promise<InboxRow | undefined> {
  const { rows } = await db.query<InboxRow>(
    `select ${COLUMNS} from notification_messages where ${IN_INBOX} and id = $2`,
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
    `update notification_messages set read_at = case when $3::timestamptz is not null then coalesce(read_at, $3) end
     where ${IN_INBOX} and id = $2 returning ${COLUMNS}`,
    [userId, id, readAt],
  );
  return rows[0];
}

/** Marks all messages in a user's inbox as read. */
export async function markAllRead(db: Queryable, userId: string, now: Date): Promise<void> {
  await db.query(`update notification_messages set read_at = $2 where ${IN_INBOX} and read_at is null`, [userId, now]);
}
