drop trigger trigger_insert_org_member_system_role on organizations;
drop function insert_org_member_system_role();
delete from custom_roles where is_system and lower(name) = 'organization-member';
