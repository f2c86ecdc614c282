import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PREBUILDS_SYSTEM_USER_ID } from "../system-user.ts";
import { buildStatusSchema } from "./schema.ts";
import { type BuildRow, buildStatus, buildsWithStatus, type WorkspaceRow, workspaceView } from "./view.ts";

describe("buildStatus", () => {
  const table = {
    pending: { start: "pending", stop: "pending", delete: "pending" },
    running: { start: "starting", stop: "stopping", delete: "deleting" },
    succeeded: { start: "running", stop: "stopped", delete: "deleted" },
    failed: { start: "failed", stop: "failed", delete: "failed" },
    canceling: { start: "canceling", stop: "canceling", delete: "canceling" },
    canceled: { start: "canceled", stop: "canceled", delete: "canceled" },
  } as const;
  const jobs = Object.keys(table) as (keyof typeof table)[];
  const transitions = ["start", "stop", "delete"] as const;

  for (const job of jobs) {
    for (const transition of transitions) {
      test(`a ${transition} build whose job is ${job} is ${table[job][transition]}`, () => {
        assert.equal(buildStatus(transition, job), table[job][transition]);
      });
    }
  }

  test("every status has the builds that amount to it, and no other", () => {
    for (const status of buildStatusSchema.options) {
      const expected = transitions.flatMap((transition) =>
        jobs.filter((job) => table[job][transition] === status).map((job) => ({ transition, job })),
      );
      assert.ok(expected.length > 0, status);
      assert.deepEqual(buildsWithStatus(status), expected);
    }
  });
});

describe("workspaceView", () => {
  const at = new Date("2026-03-01T12:00:00Z");
  const row: WorkspaceRow = {
    id: "w",
    created_at: at,
    updated_at: at,
    owner_id: "u",
    owner_name: "alice",
    organization_id: "o",
    organization_name: "default",
    template_id: "t",
    template_name: "devbox",
    template_active_version_id: "v2",
    name: "dev",
    autostart_schedule: null,
    next_start_at: null,
    ttl_ms: null,
    last_used_at: at,
    dormant_at: null,
    deleting_at: null,
    automatic_updates: "never",
    deleted: false,
  };
  const build = (versionId: string): BuildRow => ({
    id: "b",
    build_number: 1,
    workspace_id: "w",
    workspace_name: "dev",
    workspace_owner_id: "u",
    workspace_owner_name: "alice",
    transition: "start",
    reason: "initiator",
    initiator_id: "u",
    initiator_name: "alice",
    template_version_id: versionId,
    template_version_name: "version",
    template_version_preset_id: null,
    deadline: null,
    max_deadline: null,
    daily_cost: 0,
    created_at: at,
    updated_at: at,
    job_id: "j",
    job_status: "succeeded",
    job_created_at: at,
    job_started_at: at,
    job_completed_at: at,
    job_canceled_at: null,
    job_error: null,
    job_worker_id: null,
    agents: [],
  });

  test("a workspace is outdated when its build is of another version than the template's active one", () => {
    assert.equal(workspaceView(row, build("v1")).outdated, true);
    assert.equal(workspaceView(row, build("v2")).outdated, false);
  });

  test("a workspace is a prebuild when the system user owns it, and only then", () => {
    assert.equal(workspaceView(row, null).is_prebuild, false);
    assert.equal(workspaceView({ ...row, owner_id: PREBUILDS_SYSTEM_USER_ID }, null).is_prebuild, true);
  });

  test("times are shown as RFC 3339 in UTC, and what is not there as null", () => {
    const view = workspaceView(row, build("v2"));
    assert.equal(view.created_at, "2026-03-01T12:00:00.000Z");
    assert.equal(view.latest_build?.job.started_at, "2026-03-01T12:00:00.000Z");
    assert.equal(view.latest_build?.deadline, null);
    assert.equal(workspaceView(row, null).latest_build, null);
  });
});
