DROP TABLE "notification_messages";
--> statement-breakpoint
DROP TABLE "notification_digests";
--> statement-breakpoint
DROP TABLE "notification_events";
--> statement-breakpoint
-- Nobody would ever take these any more. The queue's tables are made after the migrations, so they may not be there.
DO $$ BEGIN
  IF to_regclass('pgboss.job') IS NOT NULL THEN
    DELETE FROM pgboss.job WHERE name IN ('prebuildd.notice', 'prebuildd.notice.dead', 'prebuildd.webhook',
      'prebuildd.webhook.dead', 'prebuildd.email', 'prebuildd.email.dead', 'prebuildd.import',
      'prebuildd.import.dead');
  END IF;
END $$;
--> statement-breakpoint
DROP TABLE "template_imports";
--> statement-breakpoint
ALTER TABLE "workspaces" DROP COLUMN "daily_cost";
--> statement-breakpoint
ALTER TABLE "workspace_builds" DROP COLUMN "resource_replacements";
--> statement-breakpoint
-- What is being imported is of no use to a version that does not know imports.
DELETE FROM "provisioner_jobs" WHERE "type" = 'template_version_import';
--> statement-breakpoint
ALTER TABLE "provisioner_jobs" DROP CONSTRAINT "provisioner_jobs_type_known";
--> statement-breakpoint
ALTER TABLE "provisioner_jobs" ADD CONSTRAINT "provisioner_jobs_type_known" CHECK ("provisioner_jobs"."type" in ('workspace_build'));
--> statement-breakpoint
create or replace function public.claim_prebuild(preset_id uuid, user_id uuid, name text) returns uuid
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  -- Not the time at which the caller's transaction began, which may be long ago.
  moment constant timestamptz := clock_timestamp();
  pool record;
  person record;
  created_since timestamptz;
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
  created_since := coalesce(greatest(pool.last_invalidated_at, pool.outlived_at), '-infinity');
  loop
    begin
      -- The conditions are those of the index workspaces_claimable, word for word and without a variable among them.
      with picked as materialized (
        select w.id, w.name from public.workspaces w
        where w.preset_id = claim_prebuild.preset_id
          and w.owner_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0'::uuid and not w.deleted and w.agents_ready
          and w.latest_transition = 'start' and w.latest_job_status = 'succeeded' and w.created_at >= created_since
          and (w.latest_template_version_id = pool.template_version_id) is true
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
    if created_since = '-infinity' then
      return null;
    end if;
    created_since := '-infinity';
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
