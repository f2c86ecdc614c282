import { z } from "zod";
import { UsageError } from "../errors.ts";
import { type PresetPlan, planPresets } from "./plan.ts";
import type { PresetSnapshot } from "./snapshot.ts";

const instant = z.iso.datetime({ offset: true }).transform((text) => new Date(text));
const whole = z.int().min(0).max(2_147_483_647);

const preset = z.strictObject({
  id: z.string().min(1),
  active: z.boolean(),
  template_deleted: z.boolean().default(false),
  deprecated: z.boolean().default(false),
  desired_instances: whole,
  ttl_seconds: z.int().nullish(),
  last_invalidated_at: instant.nullish(),
  status: z.enum(["healthy", "hard_limited", "validation_failed"]).default("healthy"),
  hard_limited: z.boolean().default(false),
  paused: z.boolean().default(false),
  scheduling: z
    .strictObject({
      timezone: z.string(),
      schedule: z.array(z.strictObject({ cron: z.string(), instances: whole })),
    })
    .nullish(),
  running: z.array(z.strictObject({ id: z.string().min(1), created_at: instant, ready: z.boolean() })).default([]),
  in_progress: z
    .strictObject({ start: whole.default(0), stop: whole.default(0), delete: whole.default(0) })
    .default({ start: 0, stop: 0, delete: 0 }),
  pending: whole.default(0),
  backoff: z.strictObject({ num_failed: whole, last_build_at: instant }).nullish(),
});

const snapshot = z.strictObject({
  backoff_interval_seconds: z.number().min(0).max(1_000_000_000).default(60),
  max_in_flight: whole.default(0),
  presets: z.array(preset),
});

/**
 * The decision function from outside: a snapshot document in, the plan document out.
 * @throws UsageError that names the path of every wrong field.
 */
export function planSnapshot(document: unknown, now: Date): { presets: ReturnType<typeof planJson>[] } {
  const parsed = snapshot.safeParse(document);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${pathOf(issue.path)}: ${issue.message}`);
    throw new UsageError(`the snapshot is not valid:\n${problems.join("\n")}`);
  }
  const { backoff_interval_seconds, max_in_flight, presets } = parsed.data;
  const settings = {
    backoffIntervalMs: backoff_interval_seconds * 1_000,
    maxInFlight: max_in_flight,
    failedRetentionMs: 0, // the document knows of no failed prebuilds
  };
  return { presets: planPresets(presets.map(snapshotOf), settings, now).map(planJson) };
}

/** A plan as JSON: instants as ISO text. */
export function planJson(plan: PresetPlan) {
  return {
    id: plan.id,
    skip: plan.skip,
    state: plan.state,
    actions: plan.actions.map((action) =>
      action.kind === "backoff" ? { ...action, until: action.until.toISOString() } : action,
    ),
  };
}

function snapshotOf(given: z.infer<typeof preset>): PresetSnapshot {
  return {
    id: given.id,
    active: given.active,
    templateDeleted: given.template_deleted,
    deprecated: given.deprecated,
    desiredInstances: given.desired_instances,
    ttlSeconds: given.ttl_seconds ?? null,
    lastInvalidatedAt: given.last_invalidated_at ?? null,
    status: given.status,
    hardLimited: given.hard_limited,
    paused: given.paused,
    scheduling: given.scheduling ?? null,
    running: given.running.map(({ id, created_at, ready }) => ({ id, createdAt: created_at, ready })),
    failed: [],
    inProgress: given.in_progress,
    pending: given.pending,
    backoff: given.backoff ? { numFailed: given.backoff.num_failed, lastBuildAt: given.backoff.last_build_at } : null,
  };
}

function pathOf(path: readonly PropertyKey[]): string {
  const text = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("");
  return text.replace(/^\./, "") || "(the document)";
}
