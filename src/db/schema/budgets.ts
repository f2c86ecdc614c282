import { type SQL, sql } from "drizzle-orm";
import {
  type AnyPgColumn,
  bigint,
  check,
  date,
  index,
  pgTable,
  primaryKey,
  text,
  unique,
  uuid,
} from "drizzle-orm/pg-core";
import { instant } from "./columns.ts";
import { groups } from "./organizations.ts";
import { users } from "./users.ts";

const micros = (name: string) => bigint(name, { mode: "number" }).notNull();
/** What JSON and JavaScript can say exactly. */
const isExact = (column: AnyPgColumn): SQL => sql`${column} between 0 and 9007199254740991`;

/** What each member of a group may spend on AI in a month. */
export const groupAiBudgets = pgTable(
  "group_ai_budgets",
  {
    groupId: uuid("group_id")
      .primaryKey()
      .references(() => groups.id, { onDelete: "cascade" }),
    spendLimitMicros: micros("spend_limit_micros"),
    createdAt: instant("created_at").notNull().defaultNow(),
    updatedAt: instant("updated_at").notNull().defaultNow(),
  },
  (t) => [check("group_ai_budgets_spend_limit_micros_check", isExact(t.spendLimitMicros))],
);

/** What one user may spend on AI in a month, whatever the groups allow. A trigger sees to it that the group is theirs. */
export const userAiBudgetOverrides = pgTable(
  "user_ai_budget_overrides",
  {
    userId: uuid("user_id")
      .primaryKey()
      .references(() => users.id, { onDelete: "cascade" }),
    /** The group that the spend counts for. */
    groupId: uuid("group_id")
      .notNull()
      .references(() => groups.id, { onDelete: "cascade" }),
    spendLimitMicros: micros("spend_limit_micros"),
    createdAt: instant("created_at").notNull().defaultNow(),
    updatedAt: instant("updated_at").notNull().defaultNow(),
  },
  (t) => [
    index("user_ai_budget_overrides_group_id").on(t.groupId),
    check("user_ai_budget_overrides_spend_limit_micros_check", isExact(t.spendLimitMicros)),
  ],
);

/** What a user has spent on AI on a day in UTC. It stays when the group is gone. */
export const aiUserDailySpend = pgTable(
  "ai_user_daily_spend",
  {
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    /** The group that it counts for; null for who was in no organization. */
    effectiveGroupId: uuid("effective_group_id"),
    day: date("day").notNull(),
    spendMicros: micros("spend_micros"),
  },
  (t) => [
    unique("ai_user_daily_spend_key").on(t.userId, t.effectiveGroupId, t.day).nullsNotDistinct(),
    index("ai_user_daily_spend_group").on(t.effectiveGroupId, t.day),
    check("ai_user_daily_spend_spend_micros_check", isExact(t.spendMicros)),
  ],
);

/** What was added to somebody's spend a short while ago, so that adding it again changes nothing. */
export const aiSpendRequests = pgTable(
  "ai_spend_requests",
  {
    userId: uuid("user_id").notNull(),
    requestId: text("request_id").notNull(),
    spendMicros: micros("spend_micros"),
    createdAt: instant("created_at").notNull(),
  },
  (t) => [
    primaryKey({ name: "ai_spend_requests_pkey", columns: [t.userId, t.requestId] }),
    index("ai_spend_requests_created_at").on(t.createdAt),
  ],
);
