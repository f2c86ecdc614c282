drop view group_members_expanded;
drop trigger record_user_status_change on users;
drop function record_user_status_change();
