ALTER TABLE "organizations" ADD COLUMN "workspace_sharing_disabled" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "custom_roles" ADD COLUMN "member_permissions" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "custom_roles" ADD COLUMN "is_system" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "custom_roles" ADD CONSTRAINT "custom_roles_lists" CHECK (jsonb_typeof("custom_roles"."site_permissions") in ('array', 'null') and jsonb_typeof("custom_roles"."org_permissions") in ('array', 'null')
        and jsonb_typeof("custom_roles"."user_permissions") in ('array', 'null') and jsonb_typeof("custom_roles"."member_permissions") = 'array');--> statement-breakpoint
ALTER TABLE "custom_roles" ADD CONSTRAINT "custom_roles_in_organization" CHECK ("custom_roles"."organization_id" is not null
        or ("custom_roles"."is_system" and "custom_roles"."org_permissions" = '[]' and "custom_roles"."member_permissions" = '[]'));--> statement-breakpoint
ALTER TABLE "custom_roles" ADD CONSTRAINT "custom_roles_grant_in_organization_only" CHECK ("custom_roles"."is_system" or ("custom_roles"."site_permissions" = '[]' and "custom_roles"."user_permissions" = '[]' and "custom_roles"."member_permissions" = '[]'));--> statement-breakpoint
ALTER TABLE "custom_roles" ADD CONSTRAINT "custom_roles_grant_one_by_one" CHECK ("custom_roles"."is_system" or not jsonb_path_exists("custom_roles"."org_permissions",
        '$[*] ? (@.negate == true || @.resource_type == "*" || @.action == "*")'));--> statement-breakpoint
create function keep_is_system() returns trigger language plpgsql as $$
begin
  raise exception 'the role % cannot become a system role or cease to be one', old.name using errcode = 'insufficient_privilege';
end $$;
--> statement-breakpoint
create trigger keep_is_system before update of is_system on custom_roles
  for each row when (new.is_system is distinct from old.is_system) execute function keep_is_system();
