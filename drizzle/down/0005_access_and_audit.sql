drop index provisioner_jobs_created_at;
alter table api_keys
  drop column scopes,
  drop column allow_list;
drop table workspace_requests;
drop table unfinished_claims;
drop table audit_logs;
