alter table workspaces drop constraint workspaces_prebuilds_not_shared;
drop index workspaces_shared_with_users;
drop index workspaces_shared_with_groups;
alter table workspaces drop column user_acl, drop column group_acl;
