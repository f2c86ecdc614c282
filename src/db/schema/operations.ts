import { sql } from "drizzle-orm";
import { bigint, doublePrecision, index, integer, jsonb, pgTable, text, unique, uuid } from "drizzle-orm/pg-core";
import { instant } from "./columns.ts";
import { templates } from "./templates.ts";

/**
 * What all replicas export: what one of them has read, so that they show the same and only one of them reads. One row
 * for each format of the body, so that two versions of the daemon can run side by side.
 */
export const deploymentSamples = pgTable("deployment_samples", {
  format: integer("format").primaryKey(),
  /** When it was read, by the clock of the replica that read it. */
  takenAt: instant("taken_at").notNull(),
  /** The same by the database's clock, by which replicas decide whether it is time to read again. */
  storedAt: instant("stored_at").notNull().defaultNow(),
  body: jsonb("body").notNull(),
});

/** How full the pools were, minute by minute, for an hour: for the picture of it. */
export const poolLevels = pgTable("pool_levels", {
  takenAt: instant("taken_at").primaryKey(),
  /** By `template id/preset name`: how many were ready, and how many there were to be. */
  levels: jsonb("levels").$type<Record<string, readonly [ready: number, desired: number]>>().notNull(),
});

/** The passes of the last hour, for people to look at; written a moment later, in batches. */
export const recentPasses = pgTable("recent_passes", {
  id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
  /** The host that led. */
  replica: text("replica").notNull(),
  startedAt: instant("started_at").notNull(),
  durationMs: doublePrecision("duration_ms").notNull(),
  pools: integer("pools").notNull(),
  actions: jsonb("actions").$type<readonly PassAction[]>().notNull(),
  failures: integer("failures").notNull(),
});

export type PassAction = { readonly kind: string; readonly reason: string; readonly count: number };

/** The answered requests for a workspace of the last hour, for people to look at; written in batches, too. */
export const recentRequests = pgTable("recent_requests", {
  id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
  at: instant("at").notNull(),
  /** Null when no preset was asked for, and none matched. */
  presetId: uuid("preset_id"),
  /** `claimed`, or why not. */
  result: text("result").notNull(),
  durationMs: doublePrecision("duration_ms").notNull(),
});

/** Jobs that have ended and are still to be counted in `job_histograms`; a trigger adds them as they end. */
export const finishedJobs = pgTable("finished_jobs", { jobId: uuid("job_id").primaryKey() });

/** How many jobs there were and how long they took, ever: what metrics export. Each job is counted once. */
export const jobHistograms = pgTable(
  "job_histograms",
  {
    metric: text("metric").notNull(),
    templateId: uuid("template_id").references(() => templates.id, { onDelete: "cascade" }),
    /** The labels that do not follow from the template. */
    labels: jsonb("labels").$type<Record<string, string>>().notNull(),
    count: bigint("count", { mode: "number" }).notNull(),
    /** In seconds. */
    sum: doublePrecision("sum").notNull(),
    /** By bucket, not cumulative; the last is the one without a limit. Empty for what is only counted. */
    buckets: bigint("buckets", { mode: "number" }).array().notNull(),
    /** The same in the exponential buckets of native histograms, by index; those with nothing are left out. */
    native: jsonb("native").$type<Record<string, number>>().notNull().default({}),
  },
  (t) => [
    unique("job_histograms_key").on(t.metric, t.templateId, t.labels).nullsNotDistinct(),
    index("job_histograms_template_id").on(t.templateId).where(sql`${t.templateId} is not null`),
  ],
);
