import { bigint, index, jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";
import type { AuditAction, AuditedType, Difference } from "../../audit/entry.ts";
import { instant } from "./columns.ts";

/**
 * Who did what to which object. Rows name users, organizations and objects without foreign keys, because they outlive
 * them, and because each key would cost every claim a look-up.
 */
export const auditLogs = pgTable(
  "audit_logs",
  {
    id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    at: instant("at").notNull(),
    /** Null for who works on the database itself, with the command line. */
    userId: uuid("user_id"),
    organizationId: uuid("organization_id"),
    ip: text("ip"),
    userAgent: text("user_agent"),
    requestId: uuid("request_id"),
    action: text("action").$type<AuditAction>().notNull(),
    resourceType: text("resource_type").$type<AuditedType>().notNull(),
    resourceId: text("resource_id").notNull(),
    /** What a person knew the object by at that time. */
    resourceTarget: text("resource_target").notNull(),
    diff: jsonb("diff").$type<Difference>().notNull().default({}),
  },
  (t) => [
    index("audit_logs_resource_id").on(t.resourceId, t.id),
    index("audit_logs_user_id").on(t.userId, t.id),
    index("audit_logs_organization_id").on(t.organizationId, t.id),
  ],
);
