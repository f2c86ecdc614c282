CREATE TABLE "provisioner_daemons" (
	"id" uuid PRIMARY KEY NOT NULL,
	"hostname" text NOT NULL,
	"provisioners" text[] NOT NULL,
	"started_at" timestamp with time zone NOT NULL,
	"last_seen_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "templates" ADD COLUMN "max_ttl" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "templates" ADD COLUMN "activity_bump" bigint DEFAULT 3600000000000 NOT NULL;--> statement-breakpoint
ALTER TABLE "templates" ADD COLUMN "failure_ttl" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "templates" ADD COLUMN "time_til_dormant" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "templates" ADD COLUMN "time_til_dormant_autodelete" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "templates" ADD COLUMN "autostop_requirement_days" smallint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "templates" ADD COLUMN "autostop_requirement_weeks" smallint DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "templates" ADD COLUMN "autostart_days" smallint DEFAULT 127 NOT NULL;--> statement-breakpoint
ALTER TABLE "templates" ADD COLUMN "require_active_version" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "lifecycle_build_id" uuid;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "latest_deadline" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "latest_failed_at" timestamp with time zone;--> statement-breakpoint
-- The deadline, and when the build failed, are kept beside the other columns that repeat what the latest build says
-- (see 0001).
create or replace function keep_latest_build_on_build() returns trigger language plpgsql as $$
begin
  update workspaces w
  set latest_build_id = b.id,
      latest_build_number = b.build_number,
      latest_transition = b.transition,
      latest_template_version_id = b.template_version_id,
      latest_job_status = j.job_status,
      latest_deadline = b.deadline,
      latest_failed_at = case when j.job_status = 'failed' then j.completed_at end,
      agents_ready = false,
      preset_id = coalesce(b.template_version_preset_id, w.preset_id)
  from (select distinct on (workspace_id) * from added order by workspace_id, build_number desc) b
  join provisioner_jobs j on j.id = b.job_id
  where w.id = b.workspace_id
    -- The statements that write the columns themselves say nothing of a deadline.
    and (w.latest_build_number < b.build_number
      or (w.latest_build_id = b.id and w.latest_deadline is distinct from b.deadline));
  return null;
end $$;
--> statement-breakpoint
create or replace function keep_latest_build_on_job() returns trigger language plpgsql as $$
begin
  update workspaces w
  set latest_job_status = case when w.latest_build_id = b.id then j.job_status else w.latest_job_status end,
      latest_failed_at = case
        when w.latest_build_id <> b.id then w.latest_failed_at
        when j.job_status = 'failed' then j.completed_at end,
      prebuild_outcome = case
        when w.created_as_prebuild and b.build_number = 1 and j.job_status in ('succeeded', 'failed', 'canceled')
        then j.job_status else w.prebuild_outcome end
  from changed j
  join workspace_builds b on b.job_id = j.id
  where w.id = b.workspace_id
    and ((w.latest_build_id = b.id
        and (w.latest_job_status is distinct from j.job_status
          or (j.job_status = 'failed' and w.latest_failed_at is distinct from j.completed_at)))
      or (w.created_as_prebuild and b.build_number = 1
        and j.job_status in ('succeeded', 'failed', 'canceled')
        and w.prebuild_outcome is distinct from j.job_status));
  return null;
end $$;
--> statement-breakpoint
create function keep_latest_deadline() returns trigger language plpgsql as $$
begin
  update workspaces w set latest_deadline = n.deadline
  from after n join before o on o.id = n.id
  where n.deadline is distinct from o.deadline
    and w.id = n.workspace_id and w.latest_build_id = n.id and w.latest_deadline is distinct from n.deadline;
  return null;
end $$;
--> statement-breakpoint
create trigger keep_latest_deadline after update on workspace_builds
  referencing old table as before new table as after
  for each statement execute function keep_latest_deadline();
--> statement-breakpoint
-- Whatever has been written so far is made to fit what is demanded below.
update workspaces
set autostart_schedule = null, next_start_at = null, ttl = null, dormant_at = null, deleting_at = null
where owner_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0'
  and num_nonnulls(autostart_schedule, next_start_at, ttl, dormant_at, deleting_at) > 0;
--> statement-breakpoint
update workspace_builds b
set deadline = case when w.owner_id <> 'c42fdf75-3097-471c-8c33-fb52454d81c0' then least(b.deadline, b.max_deadline) end,
    max_deadline = case when w.owner_id <> 'c42fdf75-3097-471c-8c33-fb52454d81c0' then b.max_deadline end
from workspaces w
where w.id = b.workspace_id
  and (b.deadline is not null or b.max_deadline is not null)
  and (w.owner_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0' or b.max_deadline < b.deadline or b.deadline is null);
--> statement-breakpoint
-- Nothing has acted by these dates before, so nothing is to happen at once for what is long past. Who has overrun a
-- deadline gets another one from the leader, which computes it where the latest build is not the one that it was
-- computed from; who is stopped starts at the next time; and all count as used today, for use was not written down.
update workspaces w
set latest_deadline = b.deadline,
    lifecycle_build_id = case when b.deadline <= now() then null else w.latest_build_id end,
    next_start_at = null,
    last_used_at = now(),
    latest_failed_at = case when j.job_status = 'failed' then j.completed_at end
from workspace_builds b join provisioner_jobs j on j.id = b.job_id
where b.id = w.latest_build_id and w.owner_id <> 'c42fdf75-3097-471c-8c33-fb52454d81c0' and not w.deleted;
--> statement-breakpoint
CREATE INDEX "users_suspended" ON "users" USING btree ("id") WHERE "users"."status" = 'suspended' and not "users"."deleted";--> statement-breakpoint
CREATE INDEX "workspaces_autostop_due" ON "workspaces" USING btree ("latest_deadline") WHERE latest_deadline is not null and not deleted and dormant_at is null and latest_job_status in ('succeeded', 'canceled');--> statement-breakpoint
CREATE INDEX "workspaces_running" ON "workspaces" USING btree ("owner_id","id") WHERE owner_id <> 'c42fdf75-3097-471c-8c33-fb52454d81c0'::uuid and not deleted and dormant_at is null and latest_job_status in ('succeeded', 'canceled') and (latest_transition = 'start' or latest_job_status = 'canceled');--> statement-breakpoint
CREATE INDEX "workspaces_autostart_due" ON "workspaces" USING btree ("next_start_at") WHERE next_start_at is not null and not deleted and dormant_at is null and latest_transition = 'stop' and latest_job_status in ('succeeded', 'canceled');--> statement-breakpoint
CREATE INDEX "workspaces_autostart_unknown" ON "workspaces" USING btree ("id") WHERE autostart_schedule is not null and next_start_at is null and not deleted;--> statement-breakpoint
CREATE INDEX "workspaces_failed_builds" ON "workspaces" USING btree ("template_id","latest_failed_at") WHERE owner_id <> 'c42fdf75-3097-471c-8c33-fb52454d81c0'::uuid and not deleted and latest_failed_at is not null and latest_transition in ('start', 'stop');--> statement-breakpoint
CREATE INDEX "workspaces_dormancy_due" ON "workspaces" USING btree ("template_id","last_used_at") WHERE owner_id <> 'c42fdf75-3097-471c-8c33-fb52454d81c0'::uuid and not deleted and dormant_at is null;--> statement-breakpoint
CREATE INDEX "workspaces_deletion_due" ON "workspaces" USING btree ("deleting_at") WHERE deleting_at is not null and not deleted;--> statement-breakpoint
CREATE INDEX "workspaces_lifecycle_unsettled" ON "workspaces" USING btree ("id") WHERE owner_id <> 'c42fdf75-3097-471c-8c33-fb52454d81c0'::uuid and not deleted and lifecycle_build_id is distinct from latest_build_id and latest_job_status = 'succeeded' and latest_transition in ('start', 'stop');--> statement-breakpoint
CREATE INDEX "workspaces_prebuilds_in_lifecycle" ON "workspaces" USING btree ("id") WHERE owner_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0'::uuid and not deleted and num_nonnulls(autostart_schedule, next_start_at, ttl, dormant_at, deleting_at, latest_deadline) > 0;--> statement-breakpoint
ALTER TABLE "templates" ADD CONSTRAINT "templates_default_ttl_within_max" CHECK ("templates"."max_ttl" >= 0 and ("templates"."max_ttl" = 0 or "templates"."default_ttl" between 1 and "templates"."max_ttl"));--> statement-breakpoint
ALTER TABLE "templates" ADD CONSTRAINT "templates_durations_not_negative" CHECK (least("templates"."activity_bump", "templates"."failure_ttl", "templates"."time_til_dormant", "templates"."time_til_dormant_autodelete") >= 0);--> statement-breakpoint
ALTER TABLE "templates" ADD CONSTRAINT "templates_days_known" CHECK ("templates"."autostop_requirement_days" between 0 and 127 and "templates"."autostart_days" between 0 and 127);--> statement-breakpoint
ALTER TABLE "templates" ADD CONSTRAINT "templates_autostop_requirement_weeks_known" CHECK ("templates"."autostop_requirement_weeks" between 1 and 16);--> statement-breakpoint
ALTER TABLE "workspace_builds" ADD CONSTRAINT "workspace_builds_deadline_within_max" CHECK ("workspace_builds"."max_deadline" is null or ("workspace_builds"."deadline" is not null and "workspace_builds"."deadline" <= "workspace_builds"."max_deadline"));--> statement-breakpoint
ALTER TABLE "workspaces" ADD CONSTRAINT "workspaces_prebuilds_outside_lifecycle" CHECK (num_nonnulls(autostart_schedule, next_start_at, ttl, dormant_at, deleting_at, latest_deadline) = 0 or "workspaces"."owner_id" <> 'c42fdf75-3097-471c-8c33-fb52454d81c0');