import { type Actor, difference } from "../audit/entry.ts";
import { prepared, type Queryable } from "../db/connection.ts";
import type { IdempotentRequest, MissReason } from "../prebuilds/claim-store.ts";
import { SYSTEM_USER } from "../system-user.ts";
import type { Parameter } from "./preset-match.ts";

const NS_PER_MS = 1_000_000;

/** What a new workspace is to be built from. */
export type CreateTarget = {
  readonly templateId: string;
  readonly templateName: string;
  readonly organizationName: string;
  readonly provisioner: string;
  readonly versionId: string;
  readonly versionName: string;
  /** The version is the one that the template's pools are built from. */
  readonly versionActive: boolean;
  /** The template's workspaces are built from its active version only. */
  readonly requireActiveVersion: boolean;
  readonly versionArchived: boolean;
  /** Why the template should not be used any more; empty when it may be. */
  readonly deprecated: string;
  /** Nanoseconds; 0 means no autostop. */
  readonly defaultTtl: number;
  /** Nanoseconds that a workspace may run at most; 0 means as long as it likes. */
  readonly maxTtl: number;
  readonly allowUserAutostart: boolean;
  readonly allowUserAutostop: boolean;
  /** The days on which it may start by itself, as bits (see lifecycle/days.ts). */
  readonly autostartDays: number;
  readonly presets: readonly TargetPreset[];
  /** The version declares its parameters. */
  readonly declaresParameters: boolean;
};

export type TargetPreset = {
  readonly id: string;
  /** Null when the preset has no pool. */
  readonly desiredInstances: number | null;
  readonly ttlSeconds: number | null;
  readonly lastInvalidatedAt: Date | null;
  readonly parameters: readonly Parameter[];
};

type TargetRow = {
  template_id: string;
  template_name: string;
  organization_name: string;
  provisioner: string;
  version_id: string;
  version_name: string;
  version_active: boolean;
  require_active_version: boolean;
  version_archived: boolean;
  deprecated: string;
  default_ttl: string;
  max_ttl: string;
  allow_user_autostart: boolean;
  allow_user_autostop: boolean;
  autostart_days: number;
  declares_parameters: boolean;
  presets: {
    id: string;
    desired_instances: number | null;
    ttl_seconds: number | null;
    last_invalidated_at: string | null;
    parameters: Parameter[];
  }[];
};

/** Which target is asked for: a template's active version or a given version, and of its presets all or one. */
export type WantedTarget = {
  readonly organizationId: string;
  readonly templateId: string | undefined;
  readonly versionId: string | undefined;
  readonly presetId: string | undefined;
};

/** Reads what a new workspace is to be built from; undefined when it is not there. */
export async function readCreateTarget(db: Queryable, wanted: WantedTarget): Promise<CreateTarget | undefined> {
  const { rows } = await db.query<TargetRow>(
    prepared(
      `select t.id as template_id, t.name as template_name, o.name as organization_name, t.provisioner,
         v.id as version_id, v.name as version_name,
         coalesce(t.active_version_id = v.id, false) as version_active, v.archived as version_archived, t.deprecated, t.default_ttl,
         t.require_active_version, t.max_ttl, t.allow_user_autostart, t.allow_user_autostop, t.autostart_days,
         exists (select from template_version_parameters d where d.template_version_id = v.id) as declares_parameters,
         coalesce((select json_agg(json_build_object('id', p.id, 'desired_instances', p.desired_instances,
             'ttl_seconds', p.invalidate_after_secs, 'last_invalidated_at', p.last_invalidated_at,
             'parameters', coalesce((select json_agg(json_build_object('name', q.name, 'value', q.value) order by q.name)
               from template_version_preset_parameters q where q.template_version_preset_id = p.id), '[]'::json))
             order by p.name)
           from template_version_presets p
           where p.template_version_id = v.id and ($4::uuid is null or p.id = $4)), '[]'::json) as presets
       from template_versions v
       join templates t on t.id = v.template_id and t.organization_id = $1 and not t.deleted
       join organizations o on o.id = t.organization_id
       where v.id = coalesce($3::uuid, (select a.active_version_id from templates a where a.id = $2))
         and ($2::uuid is null or t.id = $2)`,
      [wanted.organizationId, wanted.templateId ?? null, wanted.versionId ?? null, wanted.presetId ?? null],
    ),
  );
  return rows[0] && targetOf(rows[0]);
}

function targetOf(row: TargetRow): CreateTarget {
  return {
    templateId: row.template_id,
    templateName: row.template_name,
    organizationName: row.organization_name,
    provisioner: row.provisioner,
    versionId: row.version_id,
    versionName: row.version_name,
    versionActive: row.version_active,
    requireActiveVersion: row.require_active_version,
    versionArchived: row.version_archived,
    deprecated: row.deprecated,
    defaultTtl: Number(row.default_ttl),
    maxTtl: Number(row.max_ttl),
    allowUserAutostart: row.allow_user_autostart,
    allowUserAutostop: row.allow_user_autostop,
    autostartDays: row.autostart_days,
    declaresParameters: row.declares_parameters,
    presets: row.presets.map((preset) => ({
      id: preset.id,
      desiredInstances: preset.desired_instances,
      ttlSeconds: preset.ttl_seconds,
      lastInvalidatedAt: preset.last_invalidated_at === null ? null : new Date(preset.last_invalidated_at),
      parameters: preset.parameters,
    })),
  };
}

export type NewWorkspace = {
  readonly organizationId: string;
  readonly ownerId: string;
  readonly initiatorId: string;
  readonly name: string;
  readonly templateId: string;
  readonly versionId: string;
  readonly presetId: string | null;
  readonly provisioner: string;
  readonly autostartSchedule: string | null;
  readonly nextStartAt: Date | null;
  readonly ttl: number | null;
  readonly automaticUpdates: "always" | "never";
  readonly parameters: readonly Parameter[];
  readonly now: Date;
  /** Who asks, for the audit log. */
  readonly actor: Actor;
  readonly request: IdempotentRequest | null;
};

/**
 * Adds an ordinary workspace with its first build, job and audit entry.
 * @returns its id; undefined when its template or its owner has been deleted meanwhile, or is no member any more
 */
export async function insertWorkspace(
  client: Queryable,
  workspace: NewWorkspace,
  ids: { readonly buildId: string; readonly jobId: string },
  missReason: MissReason,
  trace: string | null = null,
): Promise<string | undefined> {
  const { rows } = await client.query<{ id: string }>(
    `with living_template as (
       -- Whoever deletes the template waits for this, and then finds the workspace.
       select id from templates where id = $4 and not deleted for key share
     ), living_owner as (
       select u.id from organization_members m join users u on u.id = m.user_id and not u.deleted
       where m.organization_id = $3 and m.user_id = $2 and m.user_id <> ${SYSTEM_USER} for key share
     ), new_workspace as (
       insert into workspaces (created_at, updated_at, last_used_at, owner_id, organization_id, template_id, name,
         autostart_schedule, next_start_at, ttl, automatic_updates, latest_build_id, latest_build_number,
         latest_transition, latest_job_status, latest_template_version_id, preset_id)
       select $1, $1, $1, o.id, $3, t.id, $5, $6, $7, $8, $9, $10, 1, 'start', 'pending', $11, $12
       from living_template t, living_owner o
       returning id
     ), new_job as (
       insert into provisioner_jobs (id, created_at, updated_at, organization_id, initiator_id, provisioner, type, input,
         trace_parent)
       select $13, $1, $1, $3, $14, $15, 'workspace_build',
         jsonb_build_object('workspace_build_id', $10::uuid, 'prebuilt_workspace_stage', 'none'), $25::text
       from new_workspace
     ), new_build as (
       insert into workspace_builds (id, created_at, updated_at, workspace_id, template_version_id, build_number,
         transition, initiator_id, job_id, reason, template_version_preset_id)
       select $10, $1, $1, id, $11, 1, 'start', $14, $13, 'initiator', $12 from new_workspace
     ), new_parameters as (
       insert into workspace_build_parameters (workspace_build_id, name, value)
       select $10, name, value from unnest($16::text[], $17::text[]) as p (name, value), new_workspace
     ), new_request as (
       insert into workspace_requests (user_id, idempotency_key, request_hash, workspace_id, miss_reason, created_at)
       select $14, $18, $19, id, $20, $1 from new_workspace where $18::text is not null
     ), new_entry as (
       insert into audit_logs (at, user_id, ip, user_agent, request_id, action, resource_type, resource_id,
         resource_target, organization_id, diff)
       select $1, $14, $21, $22, $23, 'create', 'workspace', w.id, u.username || '/' || $5, $3, $24
       from new_workspace w join users u on u.id = $2
     )
     select id from new_workspace`,
    [
      workspace.now,
      workspace.ownerId,
      workspace.organizationId,
      workspace.templateId,
      workspace.name,
      workspace.autostartSchedule,
      workspace.nextStartAt,
      workspace.ttl,
      workspace.automaticUpdates,
      ids.buildId,
      workspace.versionId,
      workspace.presetId,
      ids.jobId,
      workspace.initiatorId,
      workspace.provisioner,
      workspace.parameters.map((parameter) => parameter.name),
      workspace.parameters.map((parameter) => parameter.value),
      workspace.request?.key ?? null,
      workspace.request?.hash ?? null,
      missReason,
      workspace.actor.ip,
      workspace.actor.userAgent,
      workspace.actor.requestId,
      JSON.stringify(difference(null, auditedFields(workspace))),
      trace,
    ],
  );
  return rows[0]?.id;
}

function auditedFields(workspace: NewWorkspace) {
  return {
    name: workspace.name,
    owner_id: workspace.ownerId,
    template_id: workspace.templateId,
    template_version_id: workspace.versionId,
    template_version_preset_id: workspace.presetId,
    autostart_schedule: workspace.autostartSchedule,
    ttl_ms: workspace.ttl === null ? null : workspace.ttl / NS_PER_MS,
    automatic_updates: workspace.automaticUpdates,
  };
}
