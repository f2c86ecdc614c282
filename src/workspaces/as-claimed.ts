import type { Claimed } from "../prebuilds/claimed.ts";
import type { WorkspaceWithBuild } from "./view.ts";

const NS_PER_MS = 1_000_000;

/** A claimed workspace right after its claim, made from what was asked for and written, without reading it again. */
export function workspaceAsClaimed(
  target: {
    readonly templateId: string;
    readonly templateName: string;
    readonly organizationName: string;
    readonly versionId: string;
    readonly versionName: string;
  },
  asked: {
    readonly organizationId: string;
    readonly ownerId: string;
    readonly initiatorId: string;
    readonly name: string;
    readonly presetId: string | null;
    readonly autostartSchedule: string | null;
    readonly nextStartAt: Date | null;
    readonly ttl: number | null;
    readonly automaticUpdates: "always" | "never";
  },
  claimed: Claimed,
): WorkspaceWithBuild {
  const { claimedAt: at } = claimed;
  return {
    workspace: {
      id: claimed.workspaceId,
      created_at: claimed.createdAt,
      updated_at: at,
      owner_id: asked.ownerId,
      owner_name: claimed.ownerName,
      organization_id: asked.organizationId,
      organization_name: target.organizationName,
      template_id: target.templateId,
      template_name: target.templateName,
      // Only of the active version is anything claimed.
      template_active_version_id: target.versionId,
      name: asked.name,
      autostart_schedule: asked.autostartSchedule,
      next_start_at: asked.nextStartAt,
      ttl_ms: asked.ttl === null ? null : asked.ttl / NS_PER_MS,
      last_used_at: at,
      dormant_at: null,
      deleting_at: null,
      automatic_updates: asked.automaticUpdates,
      deleted: false,
    },
    latestBuild: {
      id: claimed.buildId,
      build_number: claimed.buildNumber,
      workspace_id: claimed.workspaceId,
      workspace_name: asked.name,
      workspace_owner_id: asked.ownerId,
      workspace_owner_name: claimed.ownerName,
      transition: "start",
      reason: "initiator",
      initiator_id: asked.initiatorId,
      initiator_name: claimed.initiatorName,
      template_version_id: target.versionId,
      template_version_name: target.versionName,
      template_version_preset_id: asked.presetId,
      deadline: null,
      max_deadline: null,
      daily_cost: 0,
      created_at: at,
      updated_at: at,
      job_id: claimed.jobId,
      job_status: "pending",
      job_created_at: at,
      job_started_at: null,
      job_completed_at: null,
      job_canceled_at: null,
      job_error: null,
      job_worker_id: null,
      agents: [],
    },
  };
}
