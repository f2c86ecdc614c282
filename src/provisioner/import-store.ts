import type pg from "pg";
import { declarationOf } from "../apply/parameter-fields.ts";
import type { Actor } from "../audit/entry.ts";
import type { Queryable } from "../db/connection.ts";
import type { ImportInput } from "../db/schema/provisioner.ts";
import { readDeclaredParameters } from "../templates/parameter-store.ts";
import type { JobStatus } from "../vocabulary.ts";
import type { Declared } from "./import-document.ts";

/** A source that is to become a version of a template. */
export type QueuedImport = {
  readonly jobId: string;
  readonly organizationId: string;
  /** Null for a template that is not there yet. */
  readonly templateId: string | null;
  readonly templateName: string;
  readonly provisioner: "command" | "terraform";
  /** Of the source, whose file must be stored. */
  readonly hash: string;
  readonly message: string;
  readonly initiatorId: string;
  readonly actor: Actor;
  /** The trace that the job belongs to. */
  readonly trace: string | null;
};

/** Adds the job that reads a pushed source. */
export async function insertImport(client: pg.PoolClient, given: QueuedImport, now: Date): Promise<void> {
  const input: ImportInput = given.templateId === null ? {} : { template_id: given.templateId };
  await client.query(
    `with job as (
       insert into provisioner_jobs (id, created_at, updated_at, organization_id, initiator_id, provisioner, type, input,
         trace_parent)
       values ($1, $2, $2, $3, $4, $5, 'template_version_import', $6, $13) returning id)
     insert into template_imports (job_id, organization_id, template_name, file_id, message, ip, user_agent, request_id)
     select job.id, $3, $7, f.id, $8, $9, $10, $11 from job, files f where f.hash = $12`,
    [
      given.jobId,
      now,
      given.organizationId,
      given.initiatorId,
      given.provisioner,
      input,
      given.templateName,
      given.message,
      given.actor.ip,
      given.actor.userAgent,
      given.actor.requestId,
      given.hash,
      given.trace,
    ],
  );
}

/** An import as a worker needs it. */
export type ImportJob = {
  readonly jobId: string;
  readonly provisioner: "command" | "terraform";
  readonly organizationId: string;
  readonly organizationName: string;
  readonly templateId: string | null;
  readonly templateName: string;
  readonly fileId: string;
  readonly hash: string;
  readonly message: string;
  readonly initiatorId: string;
  readonly actor: Actor;
  readonly traceParent: string | null;
};

/** Reads an import; undefined when the job is none. */
export async function readImport(db: Queryable, jobId: string): Promise<ImportJob | undefined> {
  const { rows } = await db.query<ImportJob>(
    `select j.id as "jobId", j.provisioner, o.id as "organizationId", o.name as "organizationName",
       j.input->>'template_id' as "templateId", m.template_name as "templateName", f.id as "fileId", f.hash, m.message,
       j.initiator_id as "initiatorId", j.trace_parent as "traceParent",
       json_build_object('userId', j.initiator_id, 'ip', m.ip, 'userAgent', m.user_agent, 'requestId', m.request_id)
         as actor
     from provisioner_jobs j
     join template_imports m on m.job_id = j.id
     join organizations o on o.id = m.organization_id
     join files f on f.id = m.file_id
     where j.id = $1`,
    [jobId],
  );
  return rows[0];
}

/** Writes down which version an import has become. */
export async function saveImportedVersion(client: pg.PoolClient, jobId: string, versionId: string): Promise<void> {
  await client.query("update template_imports set template_version_id = $2 where job_id = $1", [jobId, versionId]);
}

/** What a version has, in the words of the apply file, for the next one whose source says nothing of it. */
export async function readDeclared(db: Queryable, versionId: string): Promise<Declared> {
  const { rows } = await db.query<{ preset: unknown }>(
    `select json_strip_nulls(json_build_object(
         'name', p.name, 'description', p.description, 'icon', p.icon, 'default', p.is_default,
         'parameters', coalesce((
           select json_object_agg(q.name, q.value) from template_version_preset_parameters q
           where q.template_version_preset_id = p.id), '{}'),
         'prebuilds', case when p.desired_instances is not null then json_build_object(
           'instances', p.desired_instances,
           'expiration_policy', case when p.invalidate_after_secs > 0
             then json_build_object('ttl', p.invalidate_after_secs) end,
           'scheduling', (
             select json_build_object('timezone', p.scheduling_timezone, 'schedule', json_agg(
               json_build_object('cron', s.cron_expression, 'instances', s.desired_instances) order by s.position))
             from template_version_preset_prebuild_schedules s where s.preset_id = p.id having count(*) > 0)) end
       )) as preset
     from template_version_presets p where p.template_version_id = $1 order by p.created_at, p.name`,
    [versionId],
  );
  const parameters = await readDeclaredParameters(db, versionId);
  return { presets: rows.map(({ preset }) => preset), parameters: parameters.map(declarationOf) };
}

/**
 * Marks an unfinished import as canceled; one that nobody has begun ends with it.
 * @returns how it was before and is now; undefined when it has ended or is being canceled already
 */
export async function cancelImport(
  client: pg.PoolClient,
  jobId: string,
  now: Date,
): Promise<{ before: JobStatus; after: JobStatus } | undefined> {
  const { rows } = await client.query<{ before: JobStatus; after: JobStatus }>(
    `with found as (select id, job_status from provisioner_jobs where id = $1 for no key update)
     update provisioner_jobs j
     set canceled_at = $2, updated_at = $2, completed_at = case when j.started_at is null then $2::timestamptz end
     from found where j.id = found.id and j.completed_at is null and j.canceled_at is null
     returning found.job_status as before, j.job_status as after`,
    [jobId, now],
  );
  return rows[0];
}
