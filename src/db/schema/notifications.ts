import { sql } from "drizzle-orm";
import { check, index, integer, jsonb, pgTable, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import type {
  NotificationChannel,
  NotificationData,
  NotificationEvent,
  NotificationStatus,
} from "../../notifications/event.ts";
import { instant } from "./columns.ts";
import { users } from "./users.ts";

/**
 * What people are told, a row per recipient and channel. Equal events of one preset that come while a message waits
 * become part of it.
 */
export const notificationMessages = pgTable(
  "notification_messages",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    createdAt: instant("created_at").notNull(),
    updatedAt: instant("updated_at").notNull(),
    event: text("event").$type<NotificationEvent>().notNull(),
    channel: text("channel").$type<NotificationChannel>().notNull(),
    /** Whom it is for; null for the webhook, which is the deployment's. */
    userId: uuid("user_id").references(() => users.id, { onDelete: "cascade" }),
    /** The pool it is about: its template's id and its preset's name, which outlive a version. */
    about: text("about").notNull(),
    /** How many equal events it stands for. */
    occurrences: integer("occurrences").notNull().default(1),
    data: jsonb("data").$type<NotificationData>().notNull(),
    status: text("status").$type<NotificationStatus>().notNull().default("waiting"),
    /** Until when equal events are added; then it is delivered. */
    sendAfter: instant("send_after").notNull(),
    sentAt: instant("sent_at"),
    readAt: instant("read_at"),
    /** Why the last attempt to deliver it failed; empty when none has. */
    error: text("error").notNull().default(""),
  },
  (t) => [
    uniqueIndex("notification_messages_waiting_unique")
      .on(t.event, t.about, t.channel, sql`coalesce(user_id, '00000000-0000-0000-0000-000000000000'::uuid)`)
      .where(sql`${t.status} = 'waiting'`),
    index("notification_messages_inbox").on(t.userId, t.createdAt, t.id).where(sql`${t.channel} = 'inbox'`),
    index("notification_messages_unread").on(t.userId).where(sql`${t.channel} = 'inbox' and ${t.readAt} is null`),
    index("notification_messages_created_at").on(t.createdAt),
    check(
      "notification_messages_event_known",
      sql`${t.event} in ('resource_replaced', 'preset_hard_limited', 'preset_validation_failed', 'pool_empty')`,
    ),
    check("notification_messages_channel_known", sql`${t.channel} in ('inbox', 'webhook', 'email')`),
    check("notification_messages_status_known", sql`${t.status} in ('waiting', 'sending', 'sent', 'failed')`),
    check("notification_messages_recipient", sql`(${t.userId} is null) = (${t.channel} = 'webhook')`),
  ],
);
