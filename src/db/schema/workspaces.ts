import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
  varchar,
} from "drizzle-orm/pg-core";
import type { AgentLifecycle, JobStatus, Transition } from "../../vocabulary.ts";
import type { AccessRoles } from "../../workspaces/access.ts";
import { bytea, instant } from "./columns.ts";
import { organizations } from "./organizations.ts";
import { provisionerJobs } from "./provisioner.ts";
import { templates, templateVersionPresets, templateVersions } from "./templates.ts";
import { users } from "./users.ts";

/** The predicate of the indexes that hold prebuilds only; an index predicate cannot take a parameter. */
const ownedByPrebuilds = sql`owner_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0'::uuid and not deleted`;
/** The same for the indexes that hold what belongs to people. */
const ownedByPeople = sql`owner_id <> 'c42fdf75-3097-471c-8c33-fb52454d81c0'::uuid and not deleted`;
/** All that lifecycle rules write; of a prebuild none of it is set. */
const lifecycleFields = sql`num_nonnulls(autostart_schedule, next_start_at, ttl, dormant_at, deleting_at, latest_deadline)`;

export const workspaces = pgTable(
  "workspaces",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    createdAt: instant("created_at").notNull().defaultNow(),
    updatedAt: instant("updated_at").notNull().defaultNow(),
    ownerId: uuid("owner_id")
      .notNull()
      .references(() => users.id),
    organizationId: uuid("organization_id")
      .notNull()
      .references(() => organizations.id),
    templateId: uuid("template_id")
      .notNull()
      .references(() => templates.id),
    name: varchar("name", { length: 64 }).notNull(),
    deleted: boolean("deleted").notNull().default(false),
    automaticUpdates: text("automatic_updates").$type<"always" | "never">().notNull().default("never"),
    favorite: boolean("favorite").notNull().default(false),
    /** Whom the workspace is shared with: the role of each by the id of the user or group. */
    userAcl: jsonb("user_acl").$type<AccessRoles>().notNull().default({}),
    groupAcl: jsonb("group_acl").$type<AccessRoles>().notNull().default({}),

    autostartSchedule: text("autostart_schedule"),
    nextStartAt: instant("next_start_at"),
    /** Nanoseconds from the end of a start build to its autostop; null means no autostop. */
    ttl: bigint("ttl", { mode: "number" }),
    lastUsedAt: instant("last_used_at").notNull().defaultNow(),
    dormantAt: instant("dormant_at"),
    deletingAt: instant("deleting_at"),
    /** The build from whose end the lifecycle was computed last; another one than the latest, or none: it is to be. */
    lifecycleBuildId: uuid("lifecycle_build_id"),

    /** The columns from here on repeat what builds, jobs and agents say; triggers keep them (see ARCHITECTURE.md). */
    latestBuildId: uuid("latest_build_id"),
    latestBuildNumber: integer("latest_build_number").notNull().default(0),
    latestTransition: text("latest_transition").$type<Transition>(),
    latestJobStatus: text("latest_job_status").$type<JobStatus>(),
    latestTemplateVersionId: uuid("latest_template_version_id"),
    latestDeadline: instant("latest_deadline"),
    /** When the latest build has failed; null when it has not. */
    latestFailedAt: instant("latest_failed_at"),
    /** All agents of the latest build are ready; false while there are none. */
    agentsReady: boolean("agents_ready").notNull().default(false),
    /** The preset of the newest build that has one. */
    presetId: uuid("preset_id").references(() => templateVersionPresets.id),
    /** Whether build 1 was a prebuild build: how a claimed workspace is recognised later. */
    createdAsPrebuild: boolean("created_as_prebuild").notNull().default(false),
    /** What it costs a day as far as is known: the daily cost of the newest build whose cost was permitted. */
    dailyCost: integer("daily_cost").notNull().default(0),
    /** How build 1 of a prebuild ended; null while it has not. */
    prebuildOutcome: text("prebuild_outcome").$type<"succeeded" | "failed" | "canceled">(),
  },
  (t) => [
    uniqueIndex("workspaces_owner_id_name_unique").on(t.ownerId, sql`lower(${t.name})`).where(sql`not ${t.deleted}`),
    index("workspaces_costly")
      .on(t.ownerId, t.organizationId, t.dailyCost)
      .where(sql`${t.dailyCost} > 0 and not ${t.deleted}`),
    index("workspaces_template_id").on(t.templateId).where(sql`not ${t.deleted}`),
    index("workspaces_prebuilds").on(t.presetId).where(ownedByPrebuilds),
    index("workspaces_claimable")
      .on(t.presetId, t.createdAt, t.id)
      .where(
        sql`${ownedByPrebuilds} and agents_ready and latest_transition = 'start' and latest_job_status = 'succeeded'`,
      ),
    index("workspaces_prebuild_history").on(t.presetId, t.createdAt).where(sql`${t.createdAsPrebuild}`),
    index("workspaces_prebuilds_failed")
      .on(t.presetId)
      .where(sql`${ownedByPrebuilds} and latest_job_status = 'failed'`),
    index("workspaces_prebuild_failures")
      .on(t.presetId, t.createdAt)
      .where(sql`${t.createdAsPrebuild} and prebuild_outcome = 'failed'`),
    index("workspaces_autostop_due")
      .on(t.latestDeadline)
      .where(
        sql`latest_deadline is not null and not deleted and dormant_at is null and latest_job_status in ('succeeded', 'canceled')`,
      ),
    index("workspaces_running")
      .on(t.ownerId, t.id)
      .where(
        sql`${ownedByPeople} and dormant_at is null and latest_job_status in ('succeeded', 'canceled') and (latest_transition = 'start' or latest_job_status = 'canceled')`,
      ),
    index("workspaces_autostart_due")
      .on(t.nextStartAt)
      .where(
        sql`next_start_at is not null and not deleted and dormant_at is null and latest_transition = 'stop' and latest_job_status in ('succeeded', 'canceled')`,
      ),
    index("workspaces_autostart_unknown")
      .on(t.id)
      .where(sql`autostart_schedule is not null and next_start_at is null and not deleted`),
    index("workspaces_failed_builds")
      .on(t.templateId, t.latestFailedAt)
      .where(sql`${ownedByPeople} and latest_failed_at is not null and latest_transition in ('start', 'stop')`),
    index("workspaces_dormancy_due").on(t.templateId, t.lastUsedAt).where(sql`${ownedByPeople} and dormant_at is null`),
    index("workspaces_deletion_due").on(t.deletingAt).where(sql`deleting_at is not null and not deleted`),
    index("workspaces_lifecycle_unsettled")
      .on(t.id)
      .where(
        sql`${ownedByPeople} and lifecycle_build_id is distinct from latest_build_id and latest_job_status = 'succeeded' and latest_transition in ('start', 'stop')`,
      ),
    index("workspaces_prebuilds_in_lifecycle").on(t.id).where(sql`${ownedByPrebuilds} and ${lifecycleFields} > 0`),
    index("workspaces_shared_with_users").using("gin", t.userAcl).where(sql`${t.userAcl} <> '{}'`),
    index("workspaces_shared_with_groups").using("gin", t.groupAcl).where(sql`${t.groupAcl} <> '{}'`),
    check(
      "workspaces_prebuilds_not_shared",
      sql`(${t.userAcl} = '{}' and ${t.groupAcl} = '{}') or ${t.ownerId} <> 'c42fdf75-3097-471c-8c33-fb52454d81c0'`,
    ),
    check(
      "workspaces_prebuilds_outside_lifecycle",
      sql`${lifecycleFields} = 0 or ${t.ownerId} <> 'c42fdf75-3097-471c-8c33-fb52454d81c0'`,
    ),
    check(
      "workspaces_access_lists",
      sql`jsonb_typeof(${t.userAcl}) = 'object' and jsonb_typeof(${t.groupAcl}) = 'object'`,
    ),
    check("workspaces_daily_cost_not_negative", sql`${t.dailyCost} >= 0`),
    check("workspaces_automatic_updates_known", sql`${t.automaticUpdates} in ('always', 'never')`),
  ],
);

/** Claims made in SQL whose build the daemon has yet to add; each is here until it has (see `claim_prebuild`). */
export const unfinishedClaims = pgTable("unfinished_claims", {
  workspaceId: uuid("workspace_id")
    .primaryKey()
    .references(() => workspaces.id, { onDelete: "cascade" }),
  claimedAt: instant("claimed_at").notNull().defaultNow(),
});

/**
 * Requests for a workspace that carried an idempotency key, with what they got. There are no foreign keys: a row lives
 * for a day only, and each key would cost the claim a look-up.
 */
export const workspaceRequests = pgTable(
  "workspace_requests",
  {
    userId: uuid("user_id").notNull(),
    idempotencyKey: text("idempotency_key").notNull(),
    /** SHA-256 of what was asked for; the same key with another request is refused. */
    requestHash: bytea("request_hash").notNull(),
    workspaceId: uuid("workspace_id").notNull(),
    /** Why none was claimed; null when one was. */
    missReason: text("miss_reason"),
    createdAt: instant("created_at").notNull(),
  },
  (t) => [
    primaryKey({ name: "workspace_requests_pkey", columns: [t.userId, t.idempotencyKey] }),
    index("workspace_requests_created_at").on(t.createdAt),
  ],
);

export const workspaceBuilds = pgTable(
  "workspace_builds",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    createdAt: instant("created_at").notNull().defaultNow(),
    updatedAt: instant("updated_at").notNull().defaultNow(),
    workspaceId: uuid("workspace_id")
      .notNull()
      .references(() => workspaces.id),
    templateVersionId: uuid("template_version_id")
      .notNull()
      .references(() => templateVersions.id),
    buildNumber: integer("build_number").notNull(),
    transition: text("transition").$type<Transition>().notNull(),
    initiatorId: uuid("initiator_id")
      .notNull()
      .references(() => users.id),
    jobId: uuid("job_id")
      .notNull()
      .references(() => provisionerJobs.id),
    reason: text("reason").notNull().default("initiator"),
    /** What the driver keeps of this workspace for its next build. */
    provisionerState: bytea("provisioner_state"),
    deadline: instant("deadline"),
    maxDeadline: instant("max_deadline"),
    dailyCost: integer("daily_cost").notNull().default(0),
    /** Of a claim: which resources it replaced, each with the attributes that forced it; null when none. */
    resourceReplacements: jsonb("resource_replacements").$type<Readonly<Record<string, readonly string[]>>>(),
    /** The workspace's own key to its preset keeps the preset; see provisioner_jobs for why there is none here. */
    templateVersionPresetId: uuid("template_version_preset_id"),
  },
  (t) => [
    uniqueIndex("workspace_builds_workspace_id_build_number_unique").on(t.workspaceId, t.buildNumber),
    uniqueIndex("workspace_builds_job_id_unique").on(t.jobId),
    index("workspace_builds_replacements").on(t.workspaceId).where(sql`${t.resourceReplacements} is not null`),
    check(
      "workspace_builds_deadline_within_max",
      sql`${t.maxDeadline} is null or (${t.deadline} is not null and ${t.deadline} <= ${t.maxDeadline})`,
    ),
    check("workspace_builds_transition_known", sql`${t.transition} in ('start', 'stop', 'delete')`),
  ],
);

export const workspaceBuildParameters = pgTable(
  "workspace_build_parameters",
  {
    workspaceBuildId: uuid("workspace_build_id")
      .notNull()
      .references(() => workspaceBuilds.id, { onDelete: "cascade" }),
    name: text("name").notNull(),
    value: text("value").notNull(),
  },
  (t) => [primaryKey({ name: "workspace_build_parameters_pkey", columns: [t.workspaceBuildId, t.name] })],
);

export const workspaceAgents = pgTable(
  "workspace_agents",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    createdAt: instant("created_at").notNull().defaultNow(),
    updatedAt: instant("updated_at").notNull().defaultNow(),
    jobId: uuid("job_id")
      .notNull()
      .references(() => provisionerJobs.id),
    parentId: uuid("parent_id"),
    name: text("name").notNull().default("main"),
    lifecycleState: text("lifecycle_state").$type<AgentLifecycle>().notNull().default("starting"),
    readyAt: instant("ready_at"),
    deleted: boolean("deleted").notNull().default(false),
  },
  (t) => [
    index("workspace_agents_job_id").on(t.jobId),
    index("workspace_agents_starting")
      .on(t.createdAt)
      .where(sql`${t.lifecycleState} = 'starting' and not ${t.deleted}`),
    check(
      "workspace_agents_lifecycle_known",
      sql`${t.lifecycleState} in ('starting', 'ready', 'start_timeout', 'start_error')`,
    ),
  ],
);
