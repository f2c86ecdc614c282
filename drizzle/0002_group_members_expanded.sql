create function record_user_status_change() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' or new.status is distinct from old.status then
    insert into user_status_changes (user_id, new_status, changed_at) values (new.id, new.status, new.updated_at);
  end if;
  return null;
end $$;
--> statement-breakpoint
create trigger record_user_status_change after insert or update of status on users
  for each row execute function record_user_status_change();
--> statement-breakpoint
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
--> statement-breakpoint
comment on view group_members_expanded is
  'Every user of every group: its regular members, and for the Everyone group the members of the organization.';
