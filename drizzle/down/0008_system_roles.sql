-- Without the mark they would be roles like any other, and grant what those must not.
delete from custom_roles where is_system;
drop trigger keep_is_system on custom_roles;
drop function keep_is_system();
alter table custom_roles drop constraint custom_roles_lists, drop constraint custom_roles_in_organization,
  drop constraint custom_roles_grant_in_organization_only, drop constraint custom_roles_grant_one_by_one,
  drop column is_system, drop column member_permissions;
alter table organizations drop column workspace_sharing_disabled;
