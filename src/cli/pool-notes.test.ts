import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { PoolView } from "../prebuilds/status.ts";
import { poolNotes } from "./pool-notes.ts";
import { reasonsInWords } from "./words.ts";

const AT = "2025-06-02T09:00:00.123Z";

/** A full and healthy pool, but for what the test says. */
function pool(given: Partial<PoolView> = {}): PoolView {
  return {
    preset_id: "p",
    preset_name: "small",
    template_id: "t",
    template_name: "box",
    organization_id: "o",
    organization_name: "default",
    template_version_id: "v",
    active: true,
    status: "healthy",
    status_since: null,
    status_detail: "",
    paused: null,
    ...{ desired: 3, actual: 3, expired: 0, eligible: 3, extraneous: 0, starting: 0, stopping: 0, deleting: 0 },
    failed: 0,
    delete_failed: 0,
    scheduling: null,
    reasons: [],
    failures: [],
    actions: [],
    ...given,
  };
}

const scheduling = { timezone: "UTC", base: 1, cron: null, until: null, next_desired: null, problem: null };

describe("the notes below the pools", () => {
  const cases: readonly [says: string, given: Partial<PoolView>, lines: readonly string[]][] = [
    ["nothing of a pool that is as it should be", { status_since: AT }, []],
    [
      "since when a pool is hard limited, with the logs of the builds that failed",
      {
        status: "hard_limited",
        status_since: AT,
        status_detail: "the last 3 builds failed",
        failed: 1,
        failures: [
          {
            workspace_id: "w",
            workspace_name: "prebuild-a",
            build_id: "b",
            error: "no\n\x1b[31mroute ",
            failed_at: AT,
            logs: "/api/v2/workspacebuilds/b/logs",
          },
        ],
      },
      [
        "default/box: small: hard limited since 2025-06-02T09:00:00Z: the last 3 builds failed; 1 failed kept",
        "  prebuild-a failed at 2025-06-02T09:00:00Z: no [31mroute (log: /api/v2/workspacebuilds/b/logs)",
      ],
    ],
    [
      "what the template refuses",
      { status: "validation_failed", status_since: AT, status_detail: "size is required" },
      ["default/box: small: validation failed since 2025-06-02T09:00:00Z: size is required"],
    ],
    ["nothing of the status of a pool that is not kept", { status: "hard_limited", active: false }, []],
    [
      "who has paused a pool",
      { paused: { at: AT, by: "alice", scope: "pool" } },
      ["default/box: small: paused by alice since 2025-06-02T09:00:00Z"],
    ],
    [
      "the next size that a schedule brings, and what is kept or cannot go",
      { scheduling: { ...scheduling, until: AT, next_desired: 10 }, failed: 2, delete_failed: 1 },
      ["default/box: small: scheduled to 3 until 2025-06-02T09:00:00Z, then 10; 2 failed kept; 1 could not be deleted"],
    ],
    ["nothing of a schedule that never changes", { scheduling }, []],
    [
      "why a schedule is not used",
      { scheduling: { ...scheduling, problem: "it has no time zone" } },
      ["default/box: small: schedule not used, because it has no time zone"],
    ],
  ];
  for (const [says, given, lines] of cases) it(`say ${says}`, () => assert.deepEqual(poolNotes([pool(given)]), lines));

  it("say once that all pools are paused", () => {
    const paused = { at: AT, by: null, scope: "all" } as const;
    assert.deepEqual(poolNotes([pool({ paused }), pool({ paused, failed: 1 })]), [
      "all pools: paused by somebody since 2025-06-02T09:00:00Z",
      "default/box: small: 1 failed kept",
    ]);
  });
});

it("reasons are told in words, and instants without milliseconds", () => {
  const reasons = [
    { reason: "not_ready", count: 1 },
    { reason: "recent_failures", count: 2, until: AT },
  ];
  assert.equal(reasonsInWords(reasons), "1 not ready, 2 held back by recent failures until 2025-06-02T09:00:00Z");
});
