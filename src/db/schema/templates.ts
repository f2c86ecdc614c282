import { sql } from "drizzle-orm";
import {
  type AnyPgColumn,
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  uniqueIndex,
  uuid,
  varchar,
} from "drizzle-orm/pg-core";
import { bytea, instant } from "./columns.ts";
import { organizations } from "./organizations.ts";
import { provisionerJobs } from "./provisioner.ts";
import { users } from "./users.ts";

/** Packed template sources, found by the hash of their content. */
export const files = pgTable(
  "files",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    hash: text("hash").notNull(),
    mimetype: text("mimetype").notNull(),
    data: bytea("data").notNull(),
    createdBy: uuid("created_by")
      .notNull()
      .references(() => users.id),
    createdAt: instant("created_at").notNull().defaultNow(),
  },
  (t) => [uniqueIndex("files_hash_unique").on(t.hash)],
);

export const templates = pgTable(
  "templates",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    organizationId: uuid("organization_id")
      .notNull()
      .references(() => organizations.id),
    name: text("name").notNull(),
    displayName: text("display_name").notNull().default(""),
    description: text("description").notNull().default(""),
    icon: text("icon").notNull().default(""),
    provisioner: text("provisioner").$type<"command" | "terraform">().notNull(),
    activeVersionId: uuid("active_version_id").references((): AnyPgColumn => templateVersions.id),
    deleted: boolean("deleted").notNull().default(false),
    /** Why nobody should use it any more; empty means not deprecated. */
    deprecated: text("deprecated").notNull().default(""),
    /** Nanoseconds a workspace may run before it is stopped; 0 means for ever. */
    defaultTtl: bigint("default_ttl", { mode: "number" }).notNull().default(0),
    allowUserAutostart: boolean("allow_user_autostart").notNull().default(true),
    allowUserAutostop: boolean("allow_user_autostop").notNull().default(true),
    /** Nanoseconds that a workspace may run at most, whatever its owner chooses; 0 means as long as it likes. */
    maxTtl: bigint("max_ttl", { mode: "number" }).notNull().default(0),
    /** Nanoseconds that a workspace in use has left at least; 0 means that use does not prolong it. */
    activityBump: bigint("activity_bump", { mode: "number" }).notNull().default(3_600_000_000_000),
    /** Nanoseconds after which a workspace whose build has failed is stopped; 0 means never. */
    failureTtl: bigint("failure_ttl", { mode: "number" }).notNull().default(0),
    /** Nanoseconds without use after which a workspace becomes dormant; 0 means never. */
    timeTilDormant: bigint("time_til_dormant", { mode: "number" }).notNull().default(0),
    /** Nanoseconds after which a dormant workspace is deleted; 0 means never. */
    timeTilDormantAutodelete: bigint("time_til_dormant_autodelete", { mode: "number" }).notNull().default(0),
    /** The days on which workspaces must stop in their owner's quiet hours, a bit each from Monday = 1; 0 means none. */
    autostopRequirementDays: smallint("autostop_requirement_days").notNull().default(0),
    /** They must do so in every how many weeks. */
    autostopRequirementWeeks: smallint("autostop_requirement_weeks").notNull().default(1),
    /** The days on which workspaces may start by themselves, a bit each from Monday = 1. */
    autostartDays: smallint("autostart_days").notNull().default(127),
    /** Workspaces are started from the active version only. */
    requireActiveVersion: boolean("require_active_version").notNull().default(false),
    createdBy: uuid("created_by")
      .notNull()
      .references(() => users.id),
    createdAt: instant("created_at").notNull().defaultNow(),
    updatedAt: instant("updated_at").notNull().defaultNow(),
  },
  (t) => [
    uniqueIndex("templates_organization_id_name_unique")
      .on(t.organizationId, sql`lower(${t.name})`)
      .where(sql`not ${t.deleted}`),
    index("templates_active_version_id").on(t.activeVersionId),
    check("templates_provisioner_known", sql`${t.provisioner} in ('command', 'terraform')`),
    check("templates_default_ttl_not_negative", sql`${t.defaultTtl} >= 0`),
    check(
      "templates_default_ttl_within_max",
      sql`${t.maxTtl} >= 0 and (${t.maxTtl} = 0 or ${t.defaultTtl} between 1 and ${t.maxTtl})`,
    ),
    check(
      "templates_durations_not_negative",
      sql`least(${t.activityBump}, ${t.failureTtl}, ${t.timeTilDormant}, ${t.timeTilDormantAutodelete}) >= 0`,
    ),
    check(
      "templates_days_known",
      sql`${t.autostopRequirementDays} between 0 and 127 and ${t.autostartDays} between 0 and 127`,
    ),
    check("templates_autostop_requirement_weeks_known", sql`${t.autostopRequirementWeeks} between 1 and 16`),
  ],
);

/** Sources that were pushed: a worker reads from each what version it makes. */
export const templateImports = pgTable(
  "template_imports",
  {
    jobId: uuid("job_id")
      .primaryKey()
      .references(() => provisionerJobs.id, { onDelete: "cascade" }),
    organizationId: uuid("organization_id")
      .notNull()
      .references(() => organizations.id, { onDelete: "cascade" }),
    templateName: text("template_name").notNull(),
    fileId: uuid("file_id")
      .notNull()
      .references(() => files.id),
    message: text("message").notNull().default(""),
    /** Who asked, for the audit log. */
    ip: text("ip"),
    userAgent: text("user_agent"),
    requestId: uuid("request_id"),
    /** What it became; null until the job has succeeded. */
    templateVersionId: uuid("template_version_id").references((): AnyPgColumn => templateVersions.id, {
      onDelete: "cascade",
    }),
  },
  (t) => [index("template_imports_template_version_id").on(t.templateVersionId)],
);

export const templateVersions = pgTable(
  "template_versions",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    templateId: uuid("template_id").references((): AnyPgColumn => templates.id, { onDelete: "cascade" }),
    organizationId: uuid("organization_id")
      .notNull()
      .references(() => organizations.id),
    name: text("name").notNull(),
    message: text("message").notNull().default(""),
    readme: text("readme").notNull().default(""),
    archived: boolean("archived").notNull().default(false),
    fileId: uuid("file_id")
      .notNull()
      .references(() => files.id),
    createdBy: uuid("created_by")
      .notNull()
      .references(() => users.id),
    createdAt: instant("created_at").notNull().defaultNow(),
    updatedAt: instant("updated_at").notNull().defaultNow(),
  },
  (t) => [uniqueIndex("template_versions_template_id_name_unique").on(t.templateId, t.name)],
);

export const templateVersionPresets = pgTable(
  "template_version_presets",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    templateVersionId: uuid("template_version_id")
      .notNull()
      .references(() => templateVersions.id, { onDelete: "cascade" }),
    name: text("name").notNull(),
    createdAt: instant("created_at").notNull().defaultNow(),
    /** The version's own, kept by a trigger, so that one index says which organizations have pools. */
    organizationId: uuid("organization_id").notNull(),
    /** How many prebuilds to keep; null means that the preset takes no part in prebuilds. */
    desiredInstances: integer("desired_instances"),
    /** Seconds that an unclaimed prebuild lives; null or 0 means for ever. */
    invalidateAfterSecs: integer("invalidate_after_secs").default(0),
    prebuildStatus: text("prebuild_status")
      .$type<"healthy" | "hard_limited" | "validation_failed">()
      .notNull()
      .default("healthy"),
    /** When the status last changed; null while it never has. */
    prebuildStatusSince: instant("prebuild_status_since"),
    /** Why the pool is not healthy, in a sentence; empty when it is. */
    prebuildStatusDetail: text("prebuild_status_detail").notNull().default(""),
    /** Builds from before this do not count as failures any more, because somebody has reset the pool. */
    failuresResetAt: instant("failures_reset_at"),
    schedulingTimezone: text("scheduling_timezone").notNull().default(""),
    isDefault: boolean("is_default").notNull().default(false),
    description: varchar("description", { length: 128 }).notNull().default(""),
    icon: varchar("icon", { length: 256 }).notNull().default(""),
    lastInvalidatedAt: instant("last_invalidated_at"),
  },
  (t) => [
    uniqueIndex("template_version_presets_version_name_unique").on(t.templateVersionId, t.name),
    index("template_version_presets_pools").on(t.organizationId).where(sql`desired_instances is not null`),
    check("template_version_presets_desired_not_negative", sql`${t.desiredInstances} >= 0`),
    check(
      "template_version_presets_status_known",
      sql`${t.prebuildStatus} in ('healthy', 'hard_limited', 'validation_failed')`,
    ),
  ],
);

/** Pools that somebody has paused. A pool keeps its name over all versions of its template, and so does its pause. */
export const poolPauses = pgTable(
  "pool_pauses",
  {
    templateId: uuid("template_id")
      .notNull()
      .references(() => templates.id, { onDelete: "cascade" }),
    presetName: text("preset_name").notNull(),
    pausedAt: instant("paused_at").notNull(),
    pausedBy: uuid("paused_by")
      .notNull()
      .references(() => users.id),
  },
  (t) => [primaryKey({ name: "pool_pauses_pkey", columns: [t.templateId, t.presetName] })],
);

/** The parameters that a template version declares; a version that declares none takes any. */
export const templateVersionParameters = pgTable(
  "template_version_parameters",
  {
    templateVersionId: uuid("template_version_id")
      .notNull()
      .references(() => templateVersions.id, { onDelete: "cascade" }),
    name: text("name").notNull(),
    displayOrder: integer("display_order").notNull().default(0),
    displayName: text("display_name").notNull().default(""),
    description: text("description").notNull().default(""),
    type: text("type").$type<"string" | "number" | "bool" | "list(string)">().notNull().default("string"),
    mutable: boolean("mutable").notNull().default(true),
    /** A value must be given by whoever builds, because there is no default. */
    required: boolean("required").notNull().default(true),
    defaultValue: text("default_value").notNull().default(""),
    /** The only values that are allowed; empty means any. */
    options: jsonb("options").$type<{ readonly name: string; readonly value: string }[]>().notNull().default([]),
    /** Empty means any text. */
    validationRegex: text("validation_regex").notNull().default(""),
    validationMin: integer("validation_min"),
    validationMax: integer("validation_max"),
    /** What to say when the regular expression does not match; empty means a sentence of our own. */
    validationError: text("validation_error").notNull().default(""),
  },
  (t) => [
    primaryKey({ name: "template_version_parameters_pkey", columns: [t.templateVersionId, t.name] }),
    check("template_version_parameters_type_known", sql`${t.type} in ('string', 'number', 'bool', 'list(string)')`),
  ],
);

export const templateVersionPresetParameters = pgTable(
  "template_version_preset_parameters",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    templateVersionPresetId: uuid("template_version_preset_id")
      .notNull()
      .references(() => templateVersionPresets.id, { onDelete: "cascade" }),
    name: text("name").notNull(),
    value: text("value").notNull(),
  },
  (t) => [uniqueIndex("template_version_preset_parameters_preset_name_unique").on(t.templateVersionPresetId, t.name)],
);

export const templateVersionPresetPrebuildSchedules = pgTable(
  "template_version_preset_prebuild_schedules",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    presetId: uuid("preset_id")
      .notNull()
      .references(() => templateVersionPresets.id, { onDelete: "cascade" }),
    position: integer("position").notNull().default(0),
    cronExpression: text("cron_expression").notNull(),
    desiredInstances: integer("desired_instances").notNull(),
  },
  (t) => [index("template_version_preset_prebuild_schedules_preset_id").on(t.presetId)],
);
