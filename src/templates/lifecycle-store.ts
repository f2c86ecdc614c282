/** Milliseconds of a column that holds nanoseconds. */
const ms = (column: string): string => `(t.${column} / 1000000)::float8`;

/** Selects what a template `t` says of the lifecycle of its workspaces, as a `TemplateLifecycle`. */
export const LIFECYCLE = `json_build_object('defaultTtlMs', ${ms("default_ttl")}, 'maxTtlMs', ${ms("max_ttl")},
  'activityBumpMs', ${ms("activity_bump")}, 'failureTtlMs', ${ms("failure_ttl")},
  'timeTilDormantMs', ${ms("time_til_dormant")},
  'timeTilDormantAutodeleteMs', ${ms("time_til_dormant_autodelete")},
  'allowUserAutostart', t.allow_user_autostart, 'allowUserAutostop', t.allow_user_autostop,
  'autostartDays', t.autostart_days, 'autostopRequirement',
  json_build_object('days', t.autostop_requirement_days, 'weeks', t.autostop_requirement_weeks),
  'requireActiveVersion', t.require_active_version)`;

/** The columns of the record `l` into which `json_to_record` turns a `TemplateLifecycle`. */
export const LIFECYCLE_RECORD = `l ("defaultTtlMs" bigint, "maxTtlMs" bigint, "activityBumpMs" bigint,
  "failureTtlMs" bigint, "timeTilDormantMs" bigint, "timeTilDormantAutodeleteMs" bigint, "allowUserAutostart" boolean,
  "allowUserAutostop" boolean, "autostartDays" smallint, "autostopRequirement" json, "requireActiveVersion" boolean)`;

/** Makes a template say what the record `l` says. */
export const SET_LIFECYCLE = `default_ttl = l."defaultTtlMs" * 1000000, max_ttl = l."maxTtlMs" * 1000000,
  activity_bump = l."activityBumpMs" * 1000000, failure_ttl = l."failureTtlMs" * 1000000,
  time_til_dormant = l."timeTilDormantMs" * 1000000,
  time_til_dormant_autodelete = l."timeTilDormantAutodeleteMs" * 1000000,
  allow_user_autostart = l."allowUserAutostart", allow_user_autostop = l."allowUserAutostop",
  autostart_days = l."autostartDays", autostop_requirement_days = (l."autostopRequirement" ->> 'days')::smallint,
  autostop_requirement_weeks = (l."autostopRequirement" ->> 'weeks')::smallint,
  require_active_version = l."requireActiveVersion"`;
