import { sql } from "drizzle-orm";
import { bigint, check, index, jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";
import type { JobStatus, PrebuildStage } from "../../vocabulary.ts";
import { instant } from "./columns.ts";

export type JobInput = {
  readonly workspace_build_id: string;
  readonly prebuilt_workspace_stage: PrebuildStage;
};

/** What an import goes by beside its row in `template_imports`: the template, unless it is a new one. */
export type ImportInput = { readonly template_id?: string };

/** What a job is about: a build, or a version that is read from its source; all about that is in `template_imports`. */
export type JobType = "workspace_build" | "template_version_import";

export const provisionerJobs = pgTable(
  "provisioner_jobs",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    createdAt: instant("created_at").notNull().defaultNow(),
    updatedAt: instant("updated_at").notNull().defaultNow(),
    startedAt: instant("started_at"),
    canceledAt: instant("canceled_at"),
    completedAt: instant("completed_at"),
    error: text("error"),
    errorCode: text("error_code"),
    /** No foreign keys here: a job comes with a build whose own keys say the same, and each key costs every claim. */
    organizationId: uuid("organization_id").notNull(),
    initiatorId: uuid("initiator_id").notNull(),
    provisioner: text("provisioner").$type<"command" | "terraform">().notNull(),
    type: text("type").$type<JobType>().notNull(),
    input: jsonb("input").$type<JobInput | ImportInput>().notNull(),
    workerId: uuid("worker_id"),
    tags: jsonb("tags").$type<Record<string, string>>().notNull().default({}),
    /** The span that asked for the job, as W3C Trace Context writes it; null when nothing is traced. */
    traceParent: text("trace_parent"),
    jobStatus: text("job_status")
      .$type<JobStatus>()
      .notNull()
      .generatedAlwaysAs(
        sql`case
          when coalesce(error, '') <> '' then 'failed'
          when completed_at is not null and canceled_at is not null then 'canceled'
          when completed_at is not null then 'succeeded'
          when canceled_at is not null then 'canceling'
          when started_at is not null then 'running'
          else 'pending'
        end`,
      ),
  },
  (t) => [
    index("provisioner_jobs_unfinished").on(t.createdAt).where(sql`${t.completedAt} is null`),
    index("provisioner_jobs_created_at").on(t.createdAt, t.id),
    check("provisioner_jobs_type_known", sql`${t.type} in ('workspace_build', 'template_version_import')`),
  ],
);

/** The workers that run builds; one that has not been seen for a while is gone. */
export const provisionerDaemons = pgTable("provisioner_daemons", {
  /** The worker's id, which stands in the jobs that it runs. */
  id: uuid("id").primaryKey(),
  hostname: text("hostname").notNull(),
  /** What it has drivers for. */
  provisioners: text("provisioners").array().notNull(),
  startedAt: instant("started_at").notNull(),
  lastSeenAt: instant("last_seen_at").notNull(),
});

export const provisionerJobLogs = pgTable(
  "provisioner_job_logs",
  {
    id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    jobId: uuid("job_id")
      .notNull()
      .references(() => provisionerJobs.id, { onDelete: "cascade" }),
    createdAt: instant("created_at").notNull().defaultNow(),
    source: text("source").$type<"provisioner" | "provisioner_daemon">().notNull(),
    level: text("level").$type<"trace" | "debug" | "info" | "warn" | "error">().notNull(),
    stage: text("stage").notNull(),
    output: text("output").notNull(),
  },
  (t) => [index("provisioner_job_logs_job_id").on(t.jobId, t.id)],
);
