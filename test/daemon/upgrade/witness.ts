import type pg from "pg";

/**
 * Lets the database note every job that ends, and whether the newest migration was there at that moment. This is not how
 * the product counts jobs, so it can tell whether that counts each of them once.
 */
export async function witnessJobs(pool: pg.Pool): Promise<void> {
  await pool.query(`
    create schema witness;
    create table witness.ended (job_id uuid primary key, is_counted boolean not null);
    create function witness.note() returns trigger language plpgsql as $$
    begin
      insert into witness.ended values (new.id, to_regclass('public.finished_jobs') is not null);
      return null;
    end $$;
    create trigger witness after update on public.provisioner_jobs for each row
      when (old.completed_at is null and new.completed_at is not null) execute function witness.note()`);
}

/** What the metrics must say in the end: builds that have ended since jobs are counted, and workspaces made for people. */
export async function expectedCounts(pool: pg.Pool): Promise<{ builds: number; created: number }> {
  const { rows } = await pool.query<{ builds: number; created: number }>(`
    select (select count(*) from witness.ended e join workspace_builds b using (job_id) where e.is_counted)::int as builds,
      (select count(*) from (
        select distinct on (b.workspace_id) u.is_system from workspace_builds b
        join provisioner_jobs j on j.id = b.job_id join users u on u.id = b.initiator_id
        where b.transition = 'start' and j.job_status = 'succeeded' order by b.workspace_id, b.build_number
      ) first where not is_system)::int as created`);
  return rows[0] ?? { builds: 0, created: 0 };
}

/** What they say. */
export async function actualCounts(pool: pg.Pool): Promise<{ builds: number; created: number }> {
  const { rows } = await pool.query<{ builds: number; created: number }>(`
    select coalesce(sum(count) filter (where metric = 'coderd_workspace_builds_enqueued_total'), 0)::int as builds,
      coalesce(sum(count) filter (where metric = 'coderd_workspace_creation_total'), 0)::int as created
    from job_histograms`);
  return rows[0] ?? { builds: 0, created: 0 };
}
