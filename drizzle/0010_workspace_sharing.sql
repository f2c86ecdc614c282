ALTER TABLE "workspaces" ADD COLUMN "user_acl" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "group_acl" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
CREATE INDEX "workspaces_shared_with_users" ON "workspaces" USING gin ("user_acl") WHERE "workspaces"."user_acl" <> '{}';--> statement-breakpoint
CREATE INDEX "workspaces_shared_with_groups" ON "workspaces" USING gin ("group_acl") WHERE "workspaces"."group_acl" <> '{}';--> statement-breakpoint
ALTER TABLE "workspaces" ADD CONSTRAINT "workspaces_prebuilds_not_shared" CHECK (("workspaces"."user_acl" = '{}' and "workspaces"."group_acl" = '{}') or "workspaces"."owner_id" <> 'c42fdf75-3097-471c-8c33-fb52454d81c0');--> statement-breakpoint
ALTER TABLE "workspaces" ADD CONSTRAINT "workspaces_access_lists" CHECK (jsonb_typeof("workspaces"."user_acl") = 'object' and jsonb_typeof("workspaces"."group_acl") = 'object');--> statement-breakpoint
-- Whoever is no longer a member of an organization has none of its workspaces shared with them by their own id, whoever
-- ends the membership: people in SQL and earlier releases, which know nothing of this, among them.
create function unshare_with_removed_members() returns trigger language plpgsql as $$
declare
  keys constant text[] := array(select user_id::text from removed);
begin
  if cardinality(keys) = 0 then return null; end if;
  -- In the order of all who take away what is shared, and in a statement of its own: only one that begins when the locks
  -- are there sees the lists that it was waited for.
  perform from workspaces w
    where w.user_acl <> '{}' and w.user_acl ?| keys
      and w.organization_id in (select organization_id from removed)
    order by w.id for no key update;
  update workspaces w
  set user_acl = w.user_acl - array(select user_id::text from removed r where r.organization_id = w.organization_id),
      updated_at = now()
  where w.user_acl <> '{}' and w.user_acl ?| keys
    and exists (select from removed r where r.organization_id = w.organization_id and w.user_acl ? r.user_id::text);
  return null;
end $$;
--> statement-breakpoint
create trigger unshare_with_removed_members after delete on organization_members
  referencing old table as removed
  for each statement execute function unshare_with_removed_members();
