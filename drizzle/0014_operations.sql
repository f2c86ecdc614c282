CREATE TABLE "deployment_samples" (
	"format" integer PRIMARY KEY NOT NULL,
	"taken_at" timestamp with time zone NOT NULL,
	"stored_at" timestamp with time zone DEFAULT now() NOT NULL,
	"body" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "finished_jobs" (
	"job_id" uuid PRIMARY KEY NOT NULL
);
--> statement-breakpoint
CREATE TABLE "job_histograms" (
	"metric" text NOT NULL,
	"template_id" uuid,
	"labels" jsonb NOT NULL,
	"count" bigint NOT NULL,
	"sum" double precision NOT NULL,
	"buckets" bigint[] NOT NULL,
	"native" jsonb DEFAULT '{}'::jsonb NOT NULL,
	CONSTRAINT "job_histograms_key" UNIQUE NULLS NOT DISTINCT("metric","template_id","labels")
);
--> statement-breakpoint
CREATE TABLE "pool_levels" (
	"taken_at" timestamp with time zone PRIMARY KEY NOT NULL,
	"levels" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "recent_passes" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "recent_passes_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"replica" text NOT NULL,
	"started_at" timestamp with time zone NOT NULL,
	"duration_ms" double precision NOT NULL,
	"pools" integer NOT NULL,
	"actions" jsonb NOT NULL,
	"failures" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "recent_requests" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "recent_requests_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"at" timestamp with time zone NOT NULL,
	"preset_id" uuid,
	"result" text NOT NULL,
	"duration_ms" double precision NOT NULL
);
--> statement-breakpoint
ALTER TABLE "provisioner_jobs" ADD COLUMN "trace_parent" text;--> statement-breakpoint
ALTER TABLE "job_histograms" ADD CONSTRAINT "job_histograms_template_id_templates_id_fk" FOREIGN KEY ("template_id") REFERENCES "public"."templates"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "job_histograms_template_id" ON "job_histograms" USING btree ("template_id") WHERE "job_histograms"."template_id" is not null;--> statement-breakpoint
-- What has ended is noted by whoever ends it and counted later, by one replica for all: a count that every end of a
-- build wrote would make builds wait for one another.
create function public.note_finished_jobs() returns trigger language plpgsql as $$
begin
  insert into public.finished_jobs (job_id)
  select a.id from after a join before b on b.id = a.id
  where a.completed_at is not null and b.completed_at is null
  on conflict do nothing;
  return null;
end $$;
--> statement-breakpoint
create trigger note_finished_jobs after update on provisioner_jobs
  referencing old table as before new table as after
  for each statement execute function public.note_finished_jobs();
--> statement-breakpoint
-- The workspaces that were started for people before anything was noted.
insert into job_histograms (metric, template_id, labels, count, sum, buckets)
select 'coderd_workspace_creation_total', w.template_id, jsonb_build_object('preset_name', coalesce(p.name, '')),
  count(*), 0, '{}'
from workspaces w
cross join lateral (
  select b.initiator_id, b.template_version_preset_id
  from workspace_builds b
  join provisioner_jobs j on j.id = b.job_id
  where b.workspace_id = w.id and b.transition = 'start' and j.job_status = 'succeeded'
  order by b.build_number limit 1
) first
left join template_version_presets p on p.id = first.template_version_preset_id
where first.initiator_id <> 'c42fdf75-3097-471c-8c33-fb52454d81c0'
group by w.template_id, p.name;
