drop trigger keep_latest_build_update on workspace_agents;
drop trigger keep_latest_build_insert on workspace_agents;
drop function keep_latest_build_on_agent();
drop trigger keep_latest_build on provisioner_jobs;
drop function keep_latest_build_on_job();
drop trigger keep_latest_build on workspace_builds;
drop function keep_latest_build_on_build();
