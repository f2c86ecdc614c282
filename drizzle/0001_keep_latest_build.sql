-- The pool is read and claimed through columns of workspaces that repeat what the latest build, its job and its
-- agents say. They are kept here, in the transaction of the change itself, so that they are true whoever writes.

create function keep_latest_build_on_build() returns trigger language plpgsql as $$
begin
  update workspaces w
  set latest_build_id = b.id,
      latest_build_number = b.build_number,
      latest_transition = b.transition,
      latest_template_version_id = b.template_version_id,
      latest_job_status = j.job_status,
      agents_ready = false,
      preset_id = coalesce(b.template_version_preset_id, w.preset_id)
  from (select distinct on (workspace_id) * from added order by workspace_id, build_number desc) b
  join provisioner_jobs j on j.id = b.job_id
  where w.id = b.workspace_id and w.latest_build_number < b.build_number;
  return null;
end $$;
--> statement-breakpoint
create trigger keep_latest_build after insert on workspace_builds
  referencing new table as added
  for each statement execute function keep_latest_build_on_build();
--> statement-breakpoint
create function keep_latest_build_on_job() returns trigger language plpgsql as $$
begin
  update workspaces w
  set latest_job_status = case when w.latest_build_id = b.id then j.job_status else w.latest_job_status end,
      prebuild_outcome = case
        when w.created_as_prebuild and b.build_number = 1 and j.job_status in ('succeeded', 'failed', 'canceled')
        then j.job_status else w.prebuild_outcome end
  from changed j
  join workspace_builds b on b.job_id = j.id
  where w.id = b.workspace_id
    and ((w.latest_build_id = b.id and w.latest_job_status is distinct from j.job_status)
      or (w.created_as_prebuild and b.build_number = 1
        and j.job_status in ('succeeded', 'failed', 'canceled')
        and w.prebuild_outcome is distinct from j.job_status));
  return null;
end $$;
--> statement-breakpoint
create trigger keep_latest_build after update on provisioner_jobs
  referencing new table as changed
  for each statement execute function keep_latest_build_on_job();
--> statement-breakpoint
create function keep_latest_build_on_agent() returns trigger language plpgsql as $$
begin
  -- Two agents that become ready at the same moment must not each see the other one as it was.
  perform from workspaces w
  where w.id in (select b.workspace_id from workspace_builds b where b.job_id in (select job_id from changed))
  order by w.id for no key update of w;
  update workspaces w
  set agents_ready = r.ready
  from (
    select b.workspace_id, b.id as build_id, bool_and(a.lifecycle_state = 'ready') as ready
    from workspace_builds b
    join workspace_agents a on a.job_id = b.job_id and not a.deleted and a.parent_id is null
    where b.job_id in (select job_id from changed)
    group by b.workspace_id, b.id
  ) r
  where w.id = r.workspace_id and w.latest_build_id = r.build_id and w.agents_ready <> r.ready;
  update workspaces w
  set agents_ready = false
  from workspace_builds b
  where b.job_id in (select job_id from changed)
    and w.id = b.workspace_id and w.latest_build_id = b.id and w.agents_ready
    and not exists (
      select from workspace_agents a where a.job_id = b.job_id and not a.deleted and a.parent_id is null);
  return null;
end $$;
--> statement-breakpoint
create trigger keep_latest_build_insert after insert on workspace_agents
  referencing new table as changed
  for each statement execute function keep_latest_build_on_agent();
--> statement-breakpoint
create trigger keep_latest_build_update after update on workspace_agents
  referencing new table as changed
  for each statement execute function keep_latest_build_on_agent();
