import { sql } from "drizzle-orm";
import { boolean, check, jsonb, pgTable, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import type { Permission } from "../../rbac/permission.ts";
import { instant } from "./columns.ts";
import { organizations } from "./organizations.ts";

const permissions = (name: string) => jsonb(name).$type<readonly Permission[]>().default([]);

/**
 * Roles that are not built in: those that people make for an organization, and the system roles, which are the
 * daemon's. Each list holds the permissions of one level, as `{negate, resource_type, action}`; null is an empty list.
 */
export const customRoles = pgTable(
  "custom_roles",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    name: text("name").notNull(),
    displayName: text("display_name").notNull().default(""),
    organizationId: uuid("organization_id").references(() => organizations.id, { onDelete: "cascade" }),
    sitePermissions: permissions("site_permissions"),
    orgPermissions: permissions("org_permissions"),
    userPermissions: permissions("user_permissions"),
    memberPermissions: permissions("member_permissions").notNull(),
    /** Written by the daemon alone, and not shown among the roles that people make. A trigger keeps it as it is. */
    isSystem: boolean("is_system").notNull().default(false),
    createdAt: instant("created_at").notNull().defaultNow(),
    updatedAt: instant("updated_at").notNull().defaultNow(),
  },
  (t) => [
    uniqueIndex("custom_roles_organization_id_name_unique").on(t.organizationId, sql`lower(${t.name})`),
    check(
      "custom_roles_lists",
      sql`jsonb_typeof(${t.sitePermissions}) in ('array', 'null') and jsonb_typeof(${t.orgPermissions}) in ('array', 'null')
        and jsonb_typeof(${t.userPermissions}) in ('array', 'null') and jsonb_typeof(${t.memberPermissions}) = 'array'`,
    ),
    check(
      "custom_roles_in_organization",
      sql`${t.organizationId} is not null
        or (${t.isSystem} and ${t.orgPermissions} = '[]' and ${t.memberPermissions} = '[]')`,
    ),
    check(
      "custom_roles_grant_in_organization_only",
      sql`${t.isSystem} or (${t.sitePermissions} = '[]' and ${t.userPermissions} = '[]' and ${t.memberPermissions} = '[]')`,
    ),
    check(
      "custom_roles_grant_one_by_one",
      sql`${t.isSystem} or not jsonb_path_exists(${t.orgPermissions},
        '$[*] ? (@.negate == true || @.resource_type == "*" || @.action == "*")')`,
    ),
  ],
);
