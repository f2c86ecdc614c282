drop trigger keep_preset_organization on template_version_presets;
drop function keep_preset_organization();
drop index template_version_presets_pools;
drop index workspace_agents_starting;
drop index workspaces_prebuild_failures;
create index workspaces_prebuild_failures on workspaces (created_at)
  where created_as_prebuild and prebuild_outcome = 'failed';
drop index workspaces_prebuilds_failed;
alter table template_version_presets
  drop column organization_id,
  drop column prebuild_status_since,
  drop column prebuild_status_detail,
  drop column failures_reset_at;
drop table template_version_parameters;
drop table pool_pauses;
drop table site_configs;
