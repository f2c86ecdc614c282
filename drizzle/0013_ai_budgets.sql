CREATE TABLE "ai_spend_requests" (
	"user_id" uuid NOT NULL,
	"request_id" text NOT NULL,
	"spend_micros" bigint NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "ai_spend_requests_pkey" PRIMARY KEY("user_id","request_id")
);
--> statement-breakpoint
CREATE TABLE "ai_user_daily_spend" (
	"user_id" uuid NOT NULL,
	"effective_group_id" uuid,
	"day" date NOT NULL,
	"spend_micros" bigint NOT NULL,
	CONSTRAINT "ai_user_daily_spend_key" UNIQUE NULLS NOT DISTINCT("user_id","effective_group_id","day"),
	CONSTRAINT "ai_user_daily_spend_spend_micros_check" CHECK ("ai_user_daily_spend"."spend_micros" between 0 and 9007199254740991)
);
--> statement-breakpoint
CREATE TABLE "group_ai_budgets" (
	"group_id" uuid PRIMARY KEY NOT NULL,
	"spend_limit_micros" bigint NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "group_ai_budgets_spend_limit_micros_check" CHECK ("group_ai_budgets"."spend_limit_micros" between 0 and 9007199254740991)
);
--> statement-breakpoint
CREATE TABLE "user_ai_budget_overrides" (
	"user_id" uuid PRIMARY KEY NOT NULL,
	"group_id" uuid NOT NULL,
	"spend_limit_micros" bigint NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "user_ai_budget_overrides_spend_limit_micros_check" CHECK ("user_ai_budget_overrides"."spend_limit_micros" between 0 and 9007199254740991)
);
--> statement-breakpoint
ALTER TABLE "ai_user_daily_spend" ADD CONSTRAINT "ai_user_daily_spend_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "group_ai_budgets" ADD CONSTRAINT "group_ai_budgets_group_id_groups_id_fk" FOREIGN KEY ("group_id") REFERENCES "public"."groups"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "user_ai_budget_overrides" ADD CONSTRAINT "user_ai_budget_overrides_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "user_ai_budget_overrides" ADD CONSTRAINT "user_ai_budget_overrides_group_id_groups_id_fk" FOREIGN KEY ("group_id") REFERENCES "public"."groups"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "ai_spend_requests_created_at" ON "ai_spend_requests" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "ai_user_daily_spend_group" ON "ai_user_daily_spend" USING btree ("effective_group_id","day");--> statement-breakpoint
CREATE INDEX "user_ai_budget_overrides_group_id" ON "user_ai_budget_overrides" USING btree ("group_id");--> statement-breakpoint
comment on table ai_spend_requests is 'What was added to somebody''s spend a short while ago, so that adding it again changes nothing.';
--> statement-breakpoint
-- Names are qualified here and below, because a restored dump is filled in with an empty search_path.
create function public.is_group_member(user_id uuid, group_id uuid) returns boolean language sql stable as $$
  select exists (select from public.group_members_expanded e where e.user_id = $1 and e.group_id = $2)
$$;
--> statement-breakpoint
comment on function public.is_group_member(uuid, uuid) is
  'Whether somebody is in a group, Everyone included; never true of a user who is deleted.';
--> statement-breakpoint
-- Not a CHECK: one that reads other tables stands in the way of restoring a dump, and a membership that it saw may be
-- gone when it commits.
create function public.enforce_user_ai_budget_override_membership() returns trigger language plpgsql as $$
begin
  -- User and membership stay as they are until the transaction ends. Each lock is a statement of its own, so that what
  -- comes after it sees what was waited for; the order is that of all who delete users and groups or end memberships.
  perform from public.users u where u.id = new.user_id for share;
  perform from public.organizations o
    where o.id = (select g.organization_id from public.groups g where g.id = new.group_id) for key share;
  perform from public.groups g where g.id = new.group_id for key share;
  -- Written as they are, for a lock is forgotten: who ends a membership in a transaction that began earlier, and so does
  -- not see this override, is to fail. First that of the group's organization, whose end ends what is in its groups.
  update public.organization_members m set user_id = m.user_id
    where m.user_id = new.user_id
      and m.organization_id = (select g.organization_id from public.groups g where g.id = new.group_id);
  update public.group_members m set user_id = m.user_id where m.group_id = new.group_id and m.user_id = new.user_id;
  if not public.is_group_member(new.user_id, new.group_id) then
    raise exception 'user % is not in the group %, which an AI budget of theirs would count for',
      new.user_id, new.group_id
      using errcode = 'check_violation', constraint = 'user_ai_budget_overrides_must_be_group_member',
        schema = tg_table_schema, table = tg_table_name;
  end if;
  return new;
end $$;
--> statement-breakpoint
create trigger trigger_enforce_user_ai_budget_override_membership before insert or update on user_ai_budget_overrides
  for each row execute function public.enforce_user_ai_budget_override_membership();
--> statement-breakpoint
create function public.delete_user_ai_budget_overrides_on_group_member_delete() returns trigger language plpgsql as $$
begin
  delete from public.user_ai_budget_overrides where user_id = old.user_id and group_id = old.group_id;
  return coalesce(new, old);
end $$;
--> statement-breakpoint
create trigger trigger_delete_user_ai_budget_overrides_on_group_member_delete before delete on group_members
  for each row execute function public.delete_user_ai_budget_overrides_on_group_member_delete();
--> statement-breakpoint
-- A membership that becomes another one in SQL has ended, too.
create trigger trigger_delete_user_ai_budget_overrides_on_group_member_change before update on group_members
  for each row when ((old.user_id, old.group_id) is distinct from (new.user_id, new.group_id))
  execute function public.delete_user_ai_budget_overrides_on_group_member_delete();
--> statement-breakpoint
create function public.delete_user_ai_budget_overrides_on_org_member_delete() returns trigger language plpgsql as $$
begin
  delete from public.user_ai_budget_overrides where user_id = old.user_id and group_id = old.organization_id;
  return coalesce(new, old);
end $$;
--> statement-breakpoint
create trigger trigger_delete_user_ai_budget_overrides_on_org_member_delete before delete on organization_members
  for each row execute function public.delete_user_ai_budget_overrides_on_org_member_delete();
--> statement-breakpoint
create trigger trigger_delete_user_ai_budget_overrides_on_org_member_change before update on organization_members
  for each row when ((old.user_id, old.organization_id) is distinct from (new.user_id, new.organization_id))
  execute function public.delete_user_ai_budget_overrides_on_org_member_delete();
--> statement-breakpoint
-- Whoever is no longer a member of an organization is in none of its groups, whoever ends the membership. Triggers of
-- one event run in the order of their names: this is to come after unshare_with_removed_members, because who deletes a
-- group takes the workspaces first and the members of the group afterwards, too.
create function public.withdraw_removed_members_from_groups() returns trigger language plpgsql as $$
begin
  delete from public.group_members m using public.groups g, removed r
  where g.organization_id = r.organization_id and m.group_id = g.id and m.user_id = r.user_id;
  return null;
end $$;
--> statement-breakpoint
create trigger withdraw_removed_members_from_groups after delete on organization_members
  referencing old table as removed
  for each statement execute function public.withdraw_removed_members_from_groups();
--> statement-breakpoint
-- A sum of amounts that JSON and JavaScript can still say exactly; a cast to it fails where the check of a column would.
create domain public.exact_micros as numeric
  constraint exact_micros_check check (value between 0 and 9007199254740991);
