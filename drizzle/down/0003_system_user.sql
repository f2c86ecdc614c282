drop view group_members_expanded;
create view group_members_expanded as
select u.id as user_id, u.email as user_email, u.username as user_username, u.hashed_password as user_hashed_password,
  u.created_at as user_created_at, u.updated_at as user_updated_at, u.status as user_status,
  u.rbac_roles as user_rbac_roles, u.login_type as user_login_type, u.avatar_url as user_avatar_url,
  u.deleted as user_deleted, u.last_seen_at as user_last_seen_at,
  u.quiet_hours_schedule as user_quiet_hours_schedule, u.name as user_name,
  u.github_com_user_id as user_github_com_user_id,
  g.organization_id, g.name as group_name, g.id as group_id
from (select user_id, group_id from group_members
  union select user_id, organization_id from organization_members) m
join users u on u.id = m.user_id and not u.deleted
join groups g on g.id = m.group_id;
comment on view group_members_expanded is
  'Every user of every group: its regular members, and for the Everyone group the members of the organization.';
delete from organization_members where user_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0';
delete from user_status_changes where user_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0';
delete from users where id = 'c42fdf75-3097-471c-8c33-fb52454d81c0';
alter table users drop column if exists is_system;
