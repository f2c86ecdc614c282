/** Why most writers are no danger to prebuilds. */
export const EXCLUDED = "leaves out the system user's workspaces";

/**
 * All that writes columns of the lifecycle, and why it does not take prebuilds into it. Whoever adds a statement adds it
 * here, once it leaves prebuilds out, and to the functions of isolation.test.ts, which are asked to write to a prebuild.
 */
export const WRITERS: Readonly<Record<string, string>> = {
  "lifecycle/store.ts: update workspace_builds (deadline, max_deadline)": EXCLUDED,
  "lifecycle/store.ts: update workspaces (next_start_at, latest_deadline, lifecycle_build_id)": EXCLUDED,
  "lifecycle/store.ts: update workspaces (next_start_at)": EXCLUDED,
  "lifecycle/store.ts: update workspaces (dormant_at, deleting_at)": EXCLUDED,
  "lifecycle/recompute-store.ts: update workspaces (ttl)": EXCLUDED,
  "lifecycle/recompute-store.ts: update workspaces (next_start_at)": EXCLUDED,
  "lifecycle/recompute-store.ts: update workspaces (deleting_at)": EXCLUDED,
  "lifecycle/recompute-store.ts: update workspace_builds (max_deadline, deadline)": EXCLUDED,
  "workspaces/schedule-store.ts: update workspaces (autostart_schedule, next_start_at)": EXCLUDED,
  "workspaces/schedule-store.ts: update workspaces (ttl)": EXCLUDED,
  "workspaces/schedule-store.ts: update workspace_builds (deadline)": EXCLUDED,
  "workspaces/dormancy-store.ts: update workspaces (dormant_at, deleting_at, next_start_at, last_used_at)": EXCLUDED,
  "workspaces/dormancy-store.ts: update workspaces (last_used_at)": EXCLUDED,
  "workspaces/dormancy-store.ts: update workspace_builds (deadline)": EXCLUDED,
  "workspaces/create-store.ts: insert into workspaces (last_used_at, autostart_schedule, next_start_at, ttl)": EXCLUDED,
  "lifecycle/repair-store.ts: update workspaces (next_start_at)": EXCLUDED,
  "workspaces/builds-store.ts: insert into workspace_builds (deadline, max_deadline)": EXCLUDED,
  "workspaces/builds-store.ts: update workspaces (last_used_at)": EXCLUDED,
  "lifecycle/repair-store.ts: update workspace_builds (deadline, max_deadline)": "takes away what is on prebuilds",
  "lifecycle/repair-store.ts: update workspaces (autostart_schedule, next_start_at, ttl, dormant_at, deleting_at, latest_deadline)":
    "takes away what is on prebuilds",
  "prebuilds/claim-store.ts: update workspaces (last_used_at, autostart_schedule, next_start_at, ttl, dormant_at, deleting_at)":
    "makes the prebuild somebody's in the same statement",
  "prebuilds/action-store.ts: insert into workspaces (last_used_at)": "makes a prebuild, which is used when it is made",
  "claim_prebuild: update workspaces (last_used_at, autostart_schedule, next_start_at, ttl, dormant_at, deleting_at)":
    "makes the prebuild somebody's in the same statement",
  "keep_latest_build_on_build: update workspaces (latest_deadline)": "repeats a deadline, which the table refuses",
  "keep_latest_deadline: update workspaces (latest_deadline)": "repeats a deadline, which the table refuses",
};
