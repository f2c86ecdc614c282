import { sql } from "drizzle-orm";
import { check, index, integer, jsonb, pgTable, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import type {
  DigestStatus,
  NotificationChannel,
  NotificationData,
  NotificationEvent,
  NotificationStatus,
} from "../../notifications/event.ts";
import { instant } from "./columns.ts";
import { users } from "./users.ts";

const KNOWN_EVENTS = "('resource_replaced', 'preset_hard_limited', 'preset_validation_failed', 'pool_empty')";

/** What has happened and nobody has been told of yet. Rows are only ever added and taken away, so nobody waits here. */
export const notificationEvents = pgTable(
  "notification_events",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    createdAt: instant("created_at").notNull(),
    event: text("event").$type<NotificationEvent>().notNull(),
    /** The pool it is about: its template's id and its preset's name, which outlive a version. */
    about: text("about").notNull(),
    data: jsonb("data").$type<NotificationData>().notNull(),
  },
  (t) => [check("notification_events_event_known", sql`${t.event} in ${sql.raw(KNOWN_EVENTS)}`)],
);

/** What people are told, once for all of them. Equal events of one pool become part of it while it waits. */
export const notificationDigests = pgTable(
  "notification_digests",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    createdAt: instant("created_at").notNull(),
    updatedAt: instant("updated_at").notNull(),
    event: text("event").$type<NotificationEvent>().notNull(),
    about: text("about").notNull(),
    data: jsonb("data").$type<NotificationData>().notNull(),
    /** How many equal events it stands for; of an empty pool, how many requests. */
    occurrences: integer("occurrences").notNull(),
    status: text("status").$type<DigestStatus>().notNull(),
    /** Until when equal events are added; then it is sent. */
    sendAfter: instant("send_after").notNull(),
  },
  (t) => [
    uniqueIndex("notification_digests_waiting_unique").on(t.event, t.about).where(sql`${t.status} = 'waiting'`),
    index("notification_digests_created_at").on(t.createdAt),
    check("notification_digests_event_known", sql`${t.event} in ${sql.raw(KNOWN_EVENTS)}`),
    check("notification_digests_status_known", sql`${t.status} in ('waiting', 'closed')`),
  ],
);

/** Who is told of a digest, and how: a row per recipient and channel. */
export const notificationMessages = pgTable(
  "notification_messages",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    digestId: uuid("digest_id")
      .notNull()
      .references(() => notificationDigests.id, { onDelete: "cascade" }),
    /** That of the digest, by which inboxes are sorted. */
    createdAt: instant("created_at").notNull(),
    channel: text("channel").$type<NotificationChannel>().notNull(),
    /** Whom it is for; null for the webhook, which is the deployment's. */
    userId: uuid("user_id").references(() => users.id, { onDelete: "cascade" }),
    /** What is in an inbox has been sent as soon as it is there. */
    status: text("status").$type<NotificationStatus>().notNull(),
    sentAt: instant("sent_at"),
    readAt: instant("read_at"),
    /** Why the last attempt to deliver it failed; empty when none has. */
    error: text("error").notNull().default(""),
  },
  (t) => [
    index("notification_messages_digest").on(t.digestId),
    index("notification_messages_inbox").on(t.userId, t.createdAt, t.id).where(sql`${t.channel} = 'inbox'`),
    index("notification_messages_unread").on(t.userId).where(sql`${t.channel} = 'inbox' and ${t.readAt} is null`),
    index("notification_messages_created_at").on(t.createdAt),
    check("notification_messages_channel_known", sql`${t.channel} in ('inbox', 'webhook', 'email')`),
    check("notification_messages_status_known", sql`${t.status} in ('waiting', 'sent', 'failed')`),
    check("notification_messages_recipient", sql`(${t.userId} is null) = (${t.channel} = 'webhook')`),
  ],
);
