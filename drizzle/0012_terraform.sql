CREATE TABLE "notification_digests" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL,
	"event" text NOT NULL,
	"about" text NOT NULL,
	"data" jsonb NOT NULL,
	"occurrences" integer NOT NULL,
	"status" text NOT NULL,
	"send_after" timestamp with time zone NOT NULL,
	CONSTRAINT "notification_digests_event_known" CHECK ("notification_digests"."event" in ('resource_replaced', 'preset_hard_limited', 'preset_validation_failed', 'pool_empty')),
	CONSTRAINT "notification_digests_status_known" CHECK ("notification_digests"."status" in ('waiting', 'closed'))
);
--> statement-breakpoint
CREATE TABLE "notification_events" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"event" text NOT NULL,
	"about" text NOT NULL,
	"data" jsonb NOT NULL,
	CONSTRAINT "notification_events_event_known" CHECK ("notification_events"."event" in ('resource_replaced', 'preset_hard_limited', 'preset_validation_failed', 'pool_empty'))
);
--> statement-breakpoint
CREATE TABLE "notification_messages" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"digest_id" uuid NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"channel" text NOT NULL,
	"user_id" uuid,
	"status" text NOT NULL,
	"sent_at" timestamp with time zone,
	"read_at" timestamp with time zone,
	"error" text DEFAULT '' NOT NULL,
	CONSTRAINT "notification_messages_channel_known" CHECK ("notification_messages"."channel" in ('inbox', 'webhook', 'email')),
	CONSTRAINT "notification_messages_status_known" CHECK ("notification_messages"."status" in ('waiting', 'sent', 'failed')),
	CONSTRAINT "notification_messages_recipient" CHECK (("notification_messages"."user_id" is null) = ("notification_messages"."channel" = 'webhook'))
);
--> statement-breakpoint
CREATE TABLE "template_imports" (
	"job_id" uuid PRIMARY KEY NOT NULL,
	"organization_id" uuid NOT NULL,
	"template_name" text NOT NULL,
	"file_id" uuid NOT NULL,
	"message" text DEFAULT '' NOT NULL,
	"ip" text,
	"user_agent" text,
	"request_id" uuid,
	"template_version_id" uuid
);
--> statement-breakpoint
ALTER TABLE "provisioner_jobs" DROP CONSTRAINT "provisioner_jobs_type_known";--> statement-breakpoint
ALTER TABLE "workspace_builds" ADD COLUMN "resource_replacements" jsonb;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "daily_cost" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "notification_messages" ADD CONSTRAINT "notification_messages_digest_id_notification_digests_id_fk" FOREIGN KEY ("digest_id") REFERENCES "public"."notification_digests"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "notification_messages" ADD CONSTRAINT "notification_messages_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "template_imports" ADD CONSTRAINT "template_imports_job_id_provisioner_jobs_id_fk" FOREIGN KEY ("job_id") REFERENCES "public"."provisioner_jobs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "template_imports" ADD CONSTRAINT "template_imports_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "template_imports" ADD CONSTRAINT "template_imports_file_id_files_id_fk" FOREIGN KEY ("file_id") REFERENCES "public"."files"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "template_imports" ADD CONSTRAINT "template_imports_template_version_id_template_versions_id_fk" FOREIGN KEY ("template_version_id") REFERENCES "public"."template_versions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "notification_digests_waiting_unique" ON "notification_digests" USING btree ("event","about") WHERE "notification_digests"."status" = 'waiting';--> statement-breakpoint
CREATE INDEX "notification_digests_created_at" ON "notification_digests" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "notification_messages_digest" ON "notification_messages" USING btree ("digest_id");--> statement-breakpoint
CREATE INDEX "notification_messages_inbox" ON "notification_messages" USING btree ("user_id","created_at","id") WHERE "notification_messages"."channel" = 'inbox';--> statement-breakpoint
CREATE INDEX "notification_messages_unread" ON "notification_messages" USING btree ("user_id") WHERE "notification_messages"."channel" = 'inbox' and "notification_messages"."read_at" is null;--> statement-breakpoint
CREATE INDEX "notification_messages_created_at" ON "notification_messages" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "template_imports_template_version_id" ON "template_imports" USING btree ("template_version_id");--> statement-breakpoint
CREATE INDEX "workspace_builds_replacements" ON "workspace_builds" USING btree ("workspace_id") WHERE "workspace_builds"."resource_replacements" is not null;--> statement-breakpoint
CREATE INDEX "workspaces_costly" ON "workspaces" USING btree ("owner_id","organization_id","daily_cost") WHERE "workspaces"."daily_cost" > 0 and not "workspaces"."deleted";--> statement-breakpoint
ALTER TABLE "provisioner_jobs" ADD CONSTRAINT "provisioner_jobs_type_known" CHECK ("provisioner_jobs"."type" in ('workspace_build', 'template_version_import'));--> statement-breakpoint
ALTER TABLE "workspaces" ADD CONSTRAINT "workspaces_daily_cost_not_negative" CHECK ("workspaces"."daily_cost" >= 0);--> statement-breakpoint
-- The claim of 0006, which now asks whether the user can afford the prebuild before it becomes theirs.
create or replace function public.claim_prebuild(preset_id uuid, user_id uuid, name text) returns uuid
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  -- Not the time at which the caller's transaction began, which may be long ago.
  moment constant timestamptz := clock_timestamp();
  pool record;
  person record;
  fresh_since timestamptz;
  created_since timestamptz;
  -- What a prebuild may cost a day to be given out; that is looked up only when there is none that costs nothing.
  allowance bigint := 0;
  quota record;
  cheapest integer;
  prebuild record;
  violated text;
begin
  if num_nulls(preset_id, user_id, name) > 0 then
    raise exception 'a claim needs a preset, a user and a name, and one of them is null'
      using errcode = 'null_value_not_allowed';
  end if;
  if length(name) > 32 or name !~ '^[a-zA-Z0-9]+(-[a-zA-Z0-9]+)*$' then
    raise exception 'a workspace cannot be named "%"', left(name, 64)
      using errcode = 'invalid_parameter_value',
        hint = 'A name has up to 32 letters and digits, with single hyphens between them.';
  end if;

  select p.name, p.template_version_id, p.desired_instances, p.last_invalidated_at,
    moment - make_interval(secs => nullif(greatest(p.invalidate_after_secs, 0), 0)) as outlived_at,
    t.name as template, t.default_ttl, t.deleted, t.deprecated,
    t.active_version_id is not distinct from p.template_version_id as active,
    o.id as organization_id, o.name as organization, o.deleted as organization_deleted
  into pool
  from public.template_version_presets p
  join public.template_versions v on v.id = p.template_version_id
  join public.templates t on t.id = v.template_id
  join public.organizations o on o.id = t.organization_id
  where p.id = claim_prebuild.preset_id;
  if not found then
    raise exception 'there is no preset %', preset_id
      using errcode = 'no_data_found', hint = 'Every version of a template has presets with ids of their own.';
  end if;
  if pool.organization_deleted then
    raise exception 'the organization % of the template % is deleted', pool.organization, pool.template
      using errcode = 'object_not_in_prerequisite_state', hint = 'Take a preset of another template.';
  end if;
  if pool.deleted then
    raise exception 'the template % is deleted', pool.template
      using errcode = 'object_not_in_prerequisite_state', hint = 'Take a preset of another template.';
  end if;
  if pool.deprecated <> '' then
    raise exception 'the template % is deprecated: %', pool.template, pool.deprecated
      using errcode = 'object_not_in_prerequisite_state', hint = 'Take a preset of another template.';
  end if;
  if not pool.active then
    raise exception 'the preset % belongs to a version of the template % that is not the active one', pool.name,
      pool.template
      using errcode = 'object_not_in_prerequisite_state',
        hint = 'Take the preset of that name that belongs to the active version (templates.active_version_id).';
  end if;

  select u.username, u.status, u.is_system,
    exists (select from public.organization_members m
      where m.organization_id = pool.organization_id and m.user_id = u.id) as is_member
  into person
  from public.users u where u.id = claim_prebuild.user_id and not u.deleted;
  if not found then
    raise exception 'there is no user %', user_id
      using errcode = 'no_data_found', hint = 'Users that are deleted count as not there.';
  end if;
  if person.is_system then
    raise exception 'the user % is a system user and takes no workspaces', person.username
      using errcode = 'object_not_in_prerequisite_state', hint = 'Claim for a person.';
  end if;
  if person.status = 'suspended' then
    raise exception 'the user % is suspended', person.username
      using errcode = 'object_not_in_prerequisite_state', hint = 'Activate the user first.';
  end if;
  if not person.is_member then
    raise exception 'the user % is not a member of the organization %', person.username, pool.organization
      using errcode = 'object_not_in_prerequisite_state', hint = 'Add the user to the organization first.';
  end if;

  if pool.desired_instances is null then
    return null;
  end if;
  fresh_since := coalesce(greatest(pool.last_invalidated_at, pool.outlived_at), '-infinity');
  created_since := fresh_since;
  loop
    begin
      -- The conditions are those of the index workspaces_claimable, word for word and without a variable among them.
      with picked as materialized (
        select w.id, w.name from public.workspaces w
        where w.preset_id = claim_prebuild.preset_id
          and w.owner_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0'::uuid and not w.deleted and w.agents_ready
          and w.latest_transition = 'start' and w.latest_job_status = 'succeeded' and w.created_at >= created_since
          and (w.latest_template_version_id = pool.template_version_id) is true and w.daily_cost <= allowance
        order by w.created_at, w.id limit 1 for update of w skip locked
      )
      update public.workspaces w
      set owner_id = claim_prebuild.user_id, name = claim_prebuild.name, updated_at = moment, last_used_at = moment,
        autostart_schedule = null, next_start_at = null, ttl = nullif(pool.default_ttl, 0), dormant_at = null,
        deleting_at = null
      from picked p
      where w.id = p.id and w.owner_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0'::uuid
      returning w.id, w.owner_id, w.name, p.name as old_name into prebuild;
    exception when unique_violation then
      get stacked diagnostics violated = constraint_name;
      if violated <> 'workspaces_owner_id_name_unique' then
        raise;
      end if;
      raise exception 'the user % already has a workspace named %', person.username, name
        using errcode = 'unique_violation', schema = 'public', table = 'workspaces', constraint = violated,
          hint = 'Choose another name; names that differ in upper and lower case only are the same.';
    end;
    exit when found;
    -- Expired prebuilds are better than none, but only when no fresh one is left.
    if created_since <> '-infinity' then
      created_since := '-infinity';
      continue;
    end if;
    -- As a condition it would let the planner read the costly prebuilds of all pools.
    select min(w.daily_cost) filter (where w.daily_cost > 0) into cheapest from public.workspaces w
    where w.preset_id = claim_prebuild.preset_id
      and w.owner_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0'::uuid and not w.deleted and w.agents_ready
      and w.latest_transition = 'start' and w.latest_job_status = 'succeeded'
      and (w.latest_template_version_id = pool.template_version_id) is true;
    if cheapest is null then
      return null;
    end if;
    if quota is not null then
      -- Those that could be afforded are just being taken by others.
      if cheapest <= allowance then
        return null;
      end if;
      raise exception
        'the workspace would cost % a day; of the budget of % that % has in the organization %, % are in use', cheapest,
        quota.budget, person.username, pool.organization, quota.consumed
        using errcode = 'object_not_in_prerequisite_state',
          hint = 'Delete or stop a workspace, or raise the quota allowance of a group that the user is in.';
    end if;
    -- What others have spent meanwhile would not be seen.
    if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
      raise exception 'the prebuilds of the preset % have a cost, which cannot be checked in a % transaction', pool.name,
        current_setting('transaction_isolation')
        using errcode = 'object_not_in_prerequisite_state', hint = 'Claim in a read committed transaction.';
    end if;
    perform pg_advisory_xact_lock(hashtextextended('quota:' || user_id::text || ':' || pool.organization_id::text, 0));
    select
      (select coalesce(sum(g.quota_allowance), 0)
       from public.group_members_expanded e join public.groups g on g.id = e.group_id
       where e.user_id = claim_prebuild.user_id and e.organization_id = pool.organization_id) as budget,
      (select coalesce(sum(w.daily_cost), 0) from public.workspaces w
       where w.owner_id = claim_prebuild.user_id and w.organization_id = pool.organization_id and w.daily_cost > 0
         and not w.deleted) as consumed
    into quota;
    allowance := greatest(quota.budget - quota.consumed, 0);
    created_since := fresh_since;
  end loop;

  insert into public.unfinished_claims (workspace_id, claimed_at) values (prebuild.id, moment);
  insert into public.audit_logs (at, user_id, organization_id, action, resource_type, resource_id, resource_target, diff)
  values (moment, prebuild.owner_id, pool.organization_id, 'claim', 'workspace', prebuild.id,
    person.username || '/' || prebuild.name,
    jsonb_build_object(
      'owner_id', jsonb_build_object('old', 'c42fdf75-3097-471c-8c33-fb52454d81c0', 'new', prebuild.owner_id),
      'name', jsonb_build_object('old', prebuild.old_name, 'new', prebuild.name)));
  -- Delivered when the caller commits, and not at all otherwise: nobody else knows when that is.
  perform pg_notify('prebuildd_claims', '');
  return prebuild.id;
end $$;
