alter table workspaces
  drop constraint workspaces_prebuilds_outside_lifecycle;
alter table workspace_builds
  drop constraint workspace_builds_deadline_within_max;
drop trigger keep_latest_deadline on workspace_builds;
drop function keep_latest_deadline();
create or replace function keep_latest_build_on_build() returns trigger language plpgsql as $$
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
create or replace function keep_latest_build_on_job() returns trigger language plpgsql as $$
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
drop index workspaces_autostop_due;
drop index workspaces_running;
drop index workspaces_autostart_due;
drop index workspaces_autostart_unknown;
drop index workspaces_failed_builds;
drop index workspaces_dormancy_due;
drop index workspaces_deletion_due;
drop index workspaces_lifecycle_unsettled;
drop index workspaces_prebuilds_in_lifecycle;
drop index users_suspended;
alter table workspaces drop column lifecycle_build_id, drop column latest_deadline,
  drop column latest_failed_at;
alter table templates
  drop constraint templates_default_ttl_within_max,
  drop constraint templates_durations_not_negative,
  drop constraint templates_days_known,
  drop constraint templates_autostop_requirement_weeks_known,
  drop column max_ttl,
  drop column activity_bump,
  drop column failure_ttl,
  drop column time_til_dormant,
  drop column time_til_dormant_autodelete,
  drop column autostop_requirement_days,
  drop column autostop_requirement_weeks,
  drop column autostart_days,
  drop column require_active_version;
drop table provisioner_daemons;
