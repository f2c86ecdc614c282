drop trigger unshare_with_removed_members on organization_members;
drop function unshare_with_removed_members();
alter table workspaces drop constraint workspaces_access_lists;
alter table workspaces drop constraint workspaces_prebuilds_not_shared;
drop index workspaces_shared_with_users;
drop index workspaces_shared_with_groups;
alter table workspaces drop column user_acl, drop column group_acl;
