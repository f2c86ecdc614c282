import type { Queryable } from "../db/connection.ts";
import { SYSTEM_USER } from "../system-user.ts";
import type { BuildReason, JobStatus, PrebuildStage, Transition } from "../vocabulary.ts";
import { countJob, type FinishedJob } from "./finished-job.ts";
import { type Increment, Increments, type JobHistogram } from "./job-histogram.ts";

/** How many jobs are in memory at once, and how many series are stored by one statement. */
const BATCH = 5_000;
const SERIES_BATCH = 1_000;
/** The most that one call counts: one that had to count everything might never end in the time that it has. */
const BATCHES = 4;

type Row = {
  type: string;
  provisioner: string;
  job_status: JobStatus;
  created_at: Date;
  started_at: Date | null;
  completed_at: Date;
  template_id: string | null;
  preset_name: string | null;
  transition: Transition;
  reason: BuildReason;
  build_number: number;
  by_system: boolean;
  stage: PrebuildStage | null;
  is_first_success: boolean;
};

/**
 * Counts the jobs that have ended since the last time and takes them off the list, in the caller's transaction: each is
 * counted exactly once. What somebody else is counting at the same time is left to them, and what is more than can be
 * counted quickly to the next call.
 */
export async function countFinishedJobs(client: Queryable): Promise<void> {
  const increments = new Increments();
  for (let batch = 0; batch < BATCHES; batch += 1) {
    const { taken, found } = await takeFinishedJobs(client);
    for (const job of found) for (const more of countJob(job)) increments.add(more);
    if (taken < BATCH) break;
  }
  // All of them at the end and in order: two that store them at the same time wait for one another, never in a circle.
  const sums = increments.list();
  for (let from = 0; from < sums.length; from += SERIES_BATCH) {
    await addIncrements(client, sums.slice(from, from + SERIES_BATCH));
  }
}

/** Takes jobs off the list; those that are not there any more, or have not ended, are taken and not found. */
async function takeFinishedJobs(client: Queryable): Promise<{ taken: number; found: FinishedJob[] }> {
  const { rows } = await client.query<Row | { type: null }>(
    `with taken as materialized (
       delete from finished_jobs where job_id in (
         select job_id from finished_jobs limit ${BATCH} for update skip locked
       ) returning job_id
     )
     select j.type, j.provisioner, j.job_status, j.created_at, j.completed_at,
       -- One that was canceled before a worker had it has been given its end as its beginning.
       case when j.worker_id is not null or j.started_at < j.completed_at then j.started_at end as started_at,
       w.template_id, p.name as preset_name, b.transition, b.reason, b.build_number,
       b.initiator_id = ${SYSTEM_USER} as by_system, j.input->>'prebuilt_workspace_stage' as stage,
       first.id is not distinct from b.id as is_first_success
     from taken
     left join provisioner_jobs j on j.id = taken.job_id and j.completed_at is not null
     left join workspace_builds b on b.job_id = j.id
     left join workspaces w on w.id = b.workspace_id
     left join template_version_presets p on p.id = b.template_version_preset_id
     left join lateral (
       select s.id from workspace_builds s join provisioner_jobs sj on sj.id = s.job_id
       where s.workspace_id = b.workspace_id and s.build_number <= b.build_number and s.transition = 'start'
         and sj.job_status = 'succeeded' and b.transition = 'start' and j.job_status = 'succeeded'
       order by s.build_number limit 1
     ) first on true`,
  );
  const found = rows.filter((row): row is Row => row.type !== null);
  return { taken: rows.length, found: found.map(jobOf) };
}

function jobOf(row: Row): FinishedJob {
  return {
    type: row.type,
    provisioner: row.provisioner,
    status: row.job_status,
    createdAt: row.created_at,
    startedAt: row.started_at,
    completedAt: row.completed_at,
    build:
      row.template_id === null
        ? null
        : {
            templateId: row.template_id,
            presetName: row.preset_name,
            transition: row.transition,
            reason: row.reason,
            number: row.build_number,
            bySystem: row.by_system,
            stage: row.stage ?? "none",
            isFirstSuccess: row.is_first_success,
          },
  };
}

async function addIncrements(client: Queryable, increments: readonly Increment[]): Promise<void> {
  await client.query(
    `insert into job_histograms as h (metric, template_id, labels, count, sum, buckets, native)
     select metric, "templateId", labels, count, sum, buckets, native
     from rows from (jsonb_to_recordset($1) as (metric text, "templateId" uuid, labels jsonb, count bigint,
       sum float8, buckets bigint[], native jsonb)) with ordinality as i
         (metric, "templateId", labels, count, sum, buckets, native, n)
     order by n
     on conflict on constraint job_histograms_key do update set
       count = h.count + excluded.count,
       sum = h.sum + excluded.sum,
       buckets = array(
         select coalesce(a, 0) + coalesce(b, 0)
         from unnest(h.buckets, excluded.buckets) with ordinality as u (a, b, n) order by n
       ),
       native = (
         select coalesce(jsonb_object_agg(index, total), '{}')
         from (
           select index, sum(value::bigint) as total
           from (select * from jsonb_each_text(h.native) union all select * from jsonb_each_text(excluded.native))
             as both_of_them (index, value)
           group by index
         ) as totals
       )`,
    [JSON.stringify(increments)],
  );
}

/**
 * Reads all that was ever counted, with the labels by which it is exported; what belongs to deleted templates is left
 * out. Builds are enqueued from the moment they are asked for, so those that have not been counted yet are added, in the
 * same statement, or one that ends meanwhile would be missed.
 */
export async function readJobHistograms(client: Queryable): Promise<JobHistogram[]> {
  const { rows } = await client.query<JobHistogram>(
    `with uncounted as (
       select j.id, j.provisioner from provisioner_jobs j
       where j.completed_at is null and j.type = 'workspace_build'
       union all
       -- By key, however many rows the planner believes to be there: as a rule there are few, and all jobs are many.
       select j.id, j.provisioner from finished_jobs f cross join lateral (
         select id, provisioner from provisioner_jobs where id = f.job_id and type = 'workspace_build' offset 0
       ) j
     ), enqueued as (
       select metric, labels, count from job_histograms where metric = 'coderd_workspace_builds_enqueued_total'
       union all
       select 'coderd_workspace_builds_enqueued_total', jsonb_build_object('provisioner_type', u.provisioner,
         'build_reason', b.reason, 'transition', b.transition), count(*)
       from uncounted u join workspace_builds b on b.job_id = u.id
       group by u.provisioner, b.reason, b.transition
     )
     select metric, labels, sum(count)::float8 as count, 0::float8 as sum, '[]'::jsonb as buckets, '{}'::jsonb as native
     from enqueued group by metric, labels
     union all
     select h.metric, h.labels || jsonb_build_object('template_name', t.name, 'organization_name', o.name),
       h.count::float8, h.sum, to_jsonb(h.buckets), h.native
     from job_histograms h
     join templates t on t.id = h.template_id and not t.deleted
     join organizations o on o.id = t.organization_id
     union all
     select metric, labels, count::float8, sum, to_jsonb(buckets), native
     from job_histograms
     where template_id is null and metric <> 'coderd_workspace_builds_enqueued_total'`,
  );
  return rows;
}
