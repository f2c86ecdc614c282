-- Roles that people have made under the name, in any case, keep their holders, under another one.
with taken as (
  select id, name from custom_roles where lower(name) = 'organization-member' and not is_system),
renamed as (
  update custom_roles r set name = 'organization-member-' || r.id, updated_at = now()
  from taken where r.id = taken.id
  returning r.organization_id, r.name, taken.name as old_name)
update organization_members m set roles = array_replace(m.roles, r.old_name, r.name), updated_at = now()
from renamed r where m.organization_id = r.organization_id and r.old_name = any (m.roles);
--> statement-breakpoint
-- Empty: what the role grants is said in the code alone, and until that has filled it in, it grants nothing.
insert into custom_roles (name, organization_id, is_system)
select 'organization-member', id, true from organizations
on conflict do nothing;
--> statement-breakpoint
create function insert_org_member_system_role() returns trigger language plpgsql as $$
begin
  insert into custom_roles (name, organization_id, is_system) values ('organization-member', new.id, true)
  on conflict do nothing;
  -- Whoever has filled the role in the statement that inserts the organization needs no help.
  if found then perform pg_notify('prebuildd_roles', new.id::text); end if;
  return null;
end $$;
--> statement-breakpoint
create trigger trigger_insert_org_member_system_role after insert on organizations
  for each row execute function insert_org_member_system_role();
