import { sql } from "drizzle-orm";
import { bigint, boolean, check, index, pgTable, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { bytea, instant } from "./columns.ts";

export const users = pgTable(
  "users",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    email: text("email").notNull(),
    username: text("username").notNull(),
    name: text("name").notNull().default(""),
    /** Always the literal `none`: there is no password login, but a view shows the column. */
    hashedPassword: text("hashed_password").notNull().default("none"),
    createdAt: instant("created_at").notNull().defaultNow(),
    updatedAt: instant("updated_at").notNull().defaultNow(),
    status: text("status").$type<"active" | "dormant" | "suspended">().notNull().default("active"),
    rbacRoles: text("rbac_roles").array().notNull().default(sql`'{}'::text[]`),
    loginType: text("login_type").$type<"token" | "none">().notNull().default("token"),
    avatarUrl: text("avatar_url").notNull().default(""),
    deleted: boolean("deleted").notNull().default(false),
    lastSeenAt: instant("last_seen_at"),
    quietHoursSchedule: text("quiet_hours_schedule").notNull().default(""),
    githubComUserId: bigint("github_com_user_id", { mode: "number" }),
    isSystem: boolean("is_system").notNull().default(false),
  },
  (t) => [
    uniqueIndex("users_username_unique").on(sql`lower(${t.username})`).where(sql`not ${t.deleted}`),
    uniqueIndex("users_email_unique").on(sql`lower(${t.email})`).where(sql`not ${t.deleted}`),
    index("users_suspended").on(t.id).where(sql`${t.status} = 'suspended' and not ${t.deleted}`),
    check("users_status_known", sql`${t.status} in ('active', 'dormant', 'suspended')`),
    check("users_login_type_known", sql`${t.loginType} in ('token', 'none')`),
  ],
);

export const userStatusChanges = pgTable(
  "user_status_changes",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id),
    newStatus: text("new_status").notNull(),
    changedAt: instant("changed_at").notNull().defaultNow(),
  },
  (t) => [index("user_status_changes_user_id").on(t.userId, t.changedAt)],
);

/** Bearer tokens: `<id>-<secret>`, of which only a hash of the secret is stored. */
export const apiKeys = pgTable(
  "api_keys",
  {
    id: text("id").primaryKey(),
    hashedSecret: bytea("hashed_secret").notNull(),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    tokenName: text("token_name").notNull().default(""),
    createdAt: instant("created_at").notNull().defaultNow(),
    lastUsed: instant("last_used"),
    expiresAt: instant("expires_at"),
    /** What the token may be used for: `all`, `type:action` or `type:*`. */
    scopes: text("scopes").array().notNull().default(sql`'{all}'::text[]`),
    /** What it may be used on: `type:id`, `type:*` or `*:*`. */
    allowList: text("allow_list").array().notNull().default(sql`'{*:*}'::text[]`),
  },
  (t) => [index("api_keys_user_id").on(t.userId)],
);
