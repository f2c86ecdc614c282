import { z } from "zod";

const instant = z.iso.datetime();

/** How far a job can be. */
export const JOB_STATUSES = ["pending", "running", "succeeded", "failed", "canceling", "canceled"] as const;

/** A provisioner job as the API shows it, with what it is about. */
export const provisionerJobSchema = z.object({
  id: z.guid(),
  created_at: instant,
  started_at: instant.nullable(),
  completed_at: instant.nullable(),
  canceled_at: instant.nullable(),
  status: z.enum(JOB_STATUSES),
  error: z.string().nullable(),
  error_code: z.string().nullable(),
  worker_id: z.guid().nullable(),
  organization_id: z.guid(),
  initiator_id: z.guid(),
  initiator_name: z.string(),
  type: z.enum(["workspace_build", "template_version_import"]),
  tags: z.record(z.string(), z.string()),
  input: z.object({
    workspace_build_id: z.guid().nullable().describe("a build is canceled by itself; null for an import"),
    template_version_id: z.guid().nullable().describe("what an import has become, once it has succeeded"),
  }),
  metadata: z
    .object({
      transition: z.enum(["start", "stop", "delete"]).nullable(),
      workspace_id: z.guid().nullable(),
      workspace_name: z.string().nullable(),
      workspace_owner_name: z.string().nullable(),
      template_id: z.guid().nullable(),
      template_name: z.string(),
      template_display_name: z.string(),
      template_icon: z.string(),
      template_version_name: z.string().nullable(),
    })
    .describe("of an import only what is said of its template, as far as that is there already"),
});
export type ProvisionerJobView = z.infer<typeof provisionerJobSchema>;

type Times = "created_at" | "started_at" | "completed_at" | "canceled_at";

/** A job as it is stored, beside what it is about. */
export type ProvisionerJobRow = Omit<ProvisionerJobView, Times | "input" | "metadata"> &
  ProvisionerJobView["metadata"] & {
    readonly workspace_build_id: string | null;
    readonly template_version_id: string | null;
    readonly created_at: Date;
    readonly started_at: Date | null;
    readonly completed_at: Date | null;
    readonly canceled_at: Date | null;
  };

/** Turns a stored job into what the API shows. */
export function provisionerJobView(row: ProvisionerJobRow): ProvisionerJobView {
  const text = (at: Date | null) => at?.toISOString() ?? null;
  return {
    id: row.id,
    created_at: row.created_at.toISOString(),
    started_at: text(row.started_at),
    completed_at: text(row.completed_at),
    canceled_at: text(row.canceled_at),
    status: row.status,
    error: row.error,
    error_code: row.error_code,
    worker_id: row.worker_id,
    organization_id: row.organization_id,
    initiator_id: row.initiator_id,
    initiator_name: row.initiator_name,
    type: row.type,
    tags: row.tags,
    input: { workspace_build_id: row.workspace_build_id, template_version_id: row.template_version_id },
    metadata: {
      transition: row.transition,
      workspace_id: row.workspace_id,
      workspace_name: row.workspace_name,
      workspace_owner_name: row.workspace_owner_name,
      template_id: row.template_id,
      template_name: row.template_name,
      template_display_name: row.template_display_name,
      template_icon: row.template_icon,
      template_version_name: row.template_version_name,
    },
  };
}
