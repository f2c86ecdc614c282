import { z } from "zod";

const instant = z.iso.datetime();

/** What a workspace is doing, in one word. */
export const buildStatusSchema = z.enum([
  "pending",
  "starting",
  "running",
  "stopping",
  "stopped",
  "failed",
  "canceling",
  "canceled",
  "deleting",
  "deleted",
]);
export type BuildStatus = z.infer<typeof buildStatusSchema>;

/** A build as the API shows it. */
export const buildSchema = z.object({
  id: z.guid(),
  build_number: z.number(),
  workspace_id: z.guid(),
  workspace_name: z.string(),
  workspace_owner_id: z.guid(),
  workspace_owner_name: z.string(),
  transition: z.enum(["start", "stop", "delete"]),
  status: buildStatusSchema,
  reason: z.string(),
  initiator_id: z.guid(),
  initiator_name: z.string(),
  template_version_id: z.guid(),
  template_version_name: z.string(),
  template_version_preset_id: z.guid().nullable(),
  deadline: instant.nullable(),
  max_deadline: instant.nullable(),
  daily_cost: z.number().describe("what it costs a day; 0 until its plan is known"),
  created_at: instant,
  updated_at: instant,
  job: z.object({
    id: z.guid(),
    status: z.enum(["pending", "running", "succeeded", "failed", "canceling", "canceled"]),
    created_at: instant,
    started_at: instant.nullable(),
    completed_at: instant.nullable(),
    canceled_at: instant.nullable(),
    error: z.string().nullable(),
    worker_id: z.guid().nullable(),
  }),
  agents: z.array(
    z.object({
      id: z.guid(),
      name: z.string(),
      lifecycle_state: z.enum(["starting", "ready", "start_timeout", "start_error"]),
    }),
  ),
});
export type BuildView = z.infer<typeof buildSchema>;

/** A workspace as the API shows it. */
export const workspaceSchema = z.object({
  id: z.guid(),
  created_at: instant,
  updated_at: instant,
  owner_id: z.guid(),
  owner_name: z.string(),
  organization_id: z.guid(),
  organization_name: z.string(),
  template_id: z.guid(),
  template_name: z.string(),
  template_active_version_id: z.guid().nullable(),
  outdated: z.boolean(),
  name: z.string(),
  autostart_schedule: z.string().nullable(),
  next_start_at: instant.nullable(),
  ttl_ms: z.number().nullable(),
  last_used_at: instant,
  dormant_at: instant.nullable(),
  deleting_at: instant.nullable(),
  automatic_updates: z.enum(["always", "never"]),
  is_prebuild: z.boolean(),
  deleted: z.boolean(),
  latest_build: buildSchema.nullable(),
});
export type WorkspaceView = z.infer<typeof workspaceSchema>;

/** One line of a build's log as the API shows it. */
export const logLineSchema = z.object({
  id: z.number(),
  created_at: instant,
  log_source: z.enum(["provisioner", "provisioner_daemon"]),
  log_level: z.enum(["trace", "debug", "info", "warn", "error"]),
  stage: z.string(),
  output: z.string(),
});
export type LogLineView = z.infer<typeof logLineSchema>;

/** From one minute to thirty days, as in the reference; 0 and null both mean no autostop. */
const TTL_MS = { min: 60_000, max: 30 * 86_400_000 };
const ttlRule = "0, or from 60000 (a minute) to 2592000000 (thirty days)";
const ttlMs = z
  .number({ error: ttlRule })
  .int({ error: ttlRule })
  .refine((ms) => ms === 0 || (ms >= TTL_MS.min && ms <= TTL_MS.max), { error: ttlRule });

/** Letters, digits and single hyphens between them: a name fits into host names and paths. */
const workspaceName = z
  .string({ error: "must be text" })
  .max(32, { error: "must have at most 32 characters" })
  .regex(/^[a-zA-Z0-9]+(?:-[a-zA-Z0-9]+)*$/, {
    error: "must consist of letters and digits, with single hyphens between them",
  });

const uuid = z.guid({ error: "must be a UUID" });

const parameterValues = z.array(z.object({ name: z.string().min(1).max(256), value: z.string().max(65_536) })).max(256);
type ParameterValues = z.infer<typeof parameterValues> | null | undefined;

/** Refuses a parameter that is given twice. */
function refuseRepeated(values: ParameterValues, context: z.RefinementCtx): void {
  const seen = new Set<string>();
  for (const [index, { name }] of (values ?? []).entries()) {
    const path = ["rich_parameter_values", index, "name"];
    if (seen.has(name)) context.addIssue({ code: "custom", path, message: "is given twice" });
    seen.add(name);
  }
}

/** What asks for a new workspace. */
export const createWorkspaceBody = z
  .strictObject({
    name: workspaceName,
    template_id: uuid.nullish(),
    template_version_id: uuid.nullish(),
    template_version_preset_id: uuid.nullish(),
    rich_parameter_values: parameterValues.nullish(),
    autostart_schedule: z.string().max(256).nullish(),
    ttl_ms: ttlMs.nullish(),
    automatic_updates: z.enum(["always", "never"], { error: "always or never" }).default("never"),
  })
  .superRefine((body, context) => {
    const given = [body.template_id, body.template_version_id].filter(Boolean).length;
    if (given !== 1) {
      const message = "give either template_id or template_version_id";
      context.addIssue({ code: "custom", path: ["template_id"], message });
    }
    refuseRepeated(body.rich_parameter_values, context);
  });

/** The largest state that can be given with a build, in bytes. */
const MAX_STATE = 4 * 1_048_576;
/** The largest body that asks for a build: a state of that size in base64, and the rest. */
export const BUILD_BODY_LIMIT = Math.ceil(MAX_STATE / 3) * 4 + 1_048_576;

/** What asks for another build of a workspace. */
export const createBuildBody = z
  .strictObject({
    transition: z.enum(["start", "stop", "delete"], { error: "start, stop or delete" }),
    orphan: z
      .boolean({ error: "must be true or false" })
      .default(false)
      .describe("only with delete: the workspace goes at once, and its template's delete is not run"),
    state: z
      .base64({ error: "must be base64" })
      .max(Math.ceil(MAX_STATE / 3) * 4, { error: `must be at most ${MAX_STATE} bytes` })
      .nullish()
      .describe("what the build goes by in place of what the builds before it have left, in base64"),
    template_version_id: uuid.nullish().describe("only with start: the version to build; one of the same template"),
    rich_parameter_values: parameterValues
      .nullish()
      .describe("only with start: what is to differ from the latest build"),
  })
  .superRefine((body, context) => {
    const refuse = (field: string, message: string) => context.addIssue({ code: "custom", path: [field], message });
    const { transition } = body;
    if (body.orphan && transition !== "delete") refuse("orphan", "is for a delete only");
    if (body.orphan && body.state) refuse("state", "means nothing to a workspace that is orphaned");
    if (body.template_version_id && transition !== "start") refuse("template_version_id", "is for a start only");
    if (body.rich_parameter_values?.length && transition !== "start") {
      refuse("rich_parameter_values", "is for a start only");
    }
    refuseRepeated(body.rich_parameter_values, context);
  });

/** What says whether a workspace is built from its template's active version whenever it is started. */
export const autoupdatesBody = z.strictObject({
  automatic_updates: z.enum(["always", "never"], { error: "always or never" }),
});

/** What says when a workspace starts by itself. */
export const autostartBody = z.strictObject({
  schedule: z
    .string({ error: "must be text or null" })
    .max(256, { error: "must have at most 256 characters" })
    .nullable()
    .describe("five cron fields, such as `CRON_TZ=Europe/Berlin 30 9 * * 1-5`; empty or null: it does not"),
});

/** What says for how long a workspace runs. */
export const ttlBody = z.strictObject({
  ttl_ms: ttlMs.nullable().describe("from its next start; 0 or null: until somebody stops it"),
});

const deadlineRule = { error: "must be an instant such as 2025-06-02T18:00:00Z" };

/** What says until when a workspace runs this time. */
export const extendBody = z.strictObject({ deadline: z.iso.datetime({ offset: true, ...deadlineRule }) });

/** What makes a workspace dormant, or ends that. */
export const dormantBody = z.strictObject({ dormant: z.boolean({ error: "must be true or false" }) });
