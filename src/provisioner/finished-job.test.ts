import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { classOfStart, countJob, type FinishedBuild, type FinishedJob, type StartClass } from "./finished-job.ts";
import { Increments } from "./job-histogram.ts";

const at = (seconds: number): Date => new Date(Date.UTC(2025, 5, 2) + seconds * 1_000);
const BUILD: FinishedBuild = {
  templateId: "t",
  presetName: "small",
  transition: "start",
  reason: "initiator",
  number: 1,
  bySystem: false,
  stage: "none",
  isFirstSuccess: true,
};
const JOB: FinishedJob = {
  type: "workspace_build",
  provisioner: "command",
  status: "succeeded",
  createdAt: at(0),
  startedAt: at(2),
  completedAt: at(47),
  build: BUILD,
};
const FIRST = { number: 1, bySystem: false, stage: "none" } as const;

describe("185 a successful start is the first of these that it is", () => {
  const table: readonly [string, Parameters<typeof classOfStart>[0], StartClass][] = [
    ["a prebuild's first build makes a prebuild", { ...FIRST, bySystem: true, stage: "create" }, "prebuild"],
    ["also if it claimed to be a claim", { ...FIRST, bySystem: true, stage: "claim" }, "prebuild"],
    ["a claim is a claim", { ...FIRST, number: 2, stage: "claim" }, "claim"],
    ["also if it came first", { ...FIRST, stage: "claim" }, "claim"],
    ["a person's first build makes a workspace", FIRST, "regular"],
    ["a later one is counted as none of these", { ...FIRST, number: 2 }, "other"],
    ["nor is a later one of the system user's", { number: 2, bySystem: true, stage: "create" }, "other"],
  ];
  for (const [says, build, expected] of table) test(says, () => assert.equal(classOfStart(build), expected));
});

/** What a job adds, without the part that every metric has. */
const countsOf = (job: FinishedJob) =>
  countJob(job).map(({ metric, labels, sum }) => [metric.replace(/^coderd_/, ""), Object.values(labels).join(), sum]);

test("a job adds to each metric what it says, and durations of starts that succeeded run from begin to end", () => {
  const both = (status: string, isPrebuild = false, transition = "start") => [
    ["provisioner_job_queue_wait_seconds", `command,workspace_build,${transition},initiator`, 2],
    ["workspace_builds_enqueued_total", `command,${transition},initiator`, 0],
    ["template_workspace_build_duration_seconds", `${transition},${status},${isPrebuild}`, 47],
  ];
  const table: readonly [string, FinishedJob, unknown[]][] = [
    [
      "a workspace for somebody",
      JOB,
      [
        ...both("succeeded"),
        ["workspace_creation_duration_seconds", "small,regular", 45],
        ["workspace_creation_total", "small", 0],
      ],
    ],
    [
      "one without a preset, at the second attempt: created, but not by its first build",
      { ...JOB, build: { ...BUILD, number: 2, presetName: null } },
      [...both("succeeded"), ["workspace_creation_total", "", 0]],
    ],
    ["one that failed", { ...JOB, status: "failed" }, both("failed")],
    ["one that was canceled", { ...JOB, status: "canceled" }, both("canceled")],
    ["a stop", { ...JOB, build: { ...BUILD, transition: "stop" } }, both("succeeded", false, "stop")],
    [
      "a prebuild",
      { ...JOB, build: { ...BUILD, bySystem: true, stage: "create" } },
      [...both("succeeded", true), ["workspace_creation_duration_seconds", "small,prebuild", 45]],
    ],
    [
      "a claim, which creates nothing",
      { ...JOB, build: { ...BUILD, number: 2, stage: "claim", isFirstSuccess: false } },
      [...both("succeeded"), ["prebuilt_workspace_claim_duration_seconds", "small", 45]],
    ],
    [
      "an import, which builds nothing",
      { ...JOB, type: "template_version_import", build: null },
      [["provisioner_job_queue_wait_seconds", "command,template_version_import,,", 2]],
    ],
    [
      "one that was canceled before a worker had it has waited for none",
      { ...JOB, status: "canceled", startedAt: null },
      both("canceled").slice(1),
    ],
  ];
  for (const [says, job, expected] of table) assert.deepEqual(countsOf(job), expected, says);
});

test("what ended before it began, by the clocks of two replicas, took no time and lies in no native bucket", () => {
  const [wait] = countJob({ ...JOB, startedAt: at(-5) });
  assert.deepEqual([wait?.sum, wait?.buckets.indexOf(1), wait?.native], [0, 0, {}]);
});

test("increments of one series become one, in an order that does not depend on who comes first", () => {
  const jobs = [0.05, 0.1, 50, 9_999].map((wait) => ({ ...JOB, build: null, startedAt: at(wait) }));
  const add = (from: readonly FinishedJob[]) => {
    const increments = new Increments();
    for (const job of from) for (const more of countJob(job)) increments.add(more);
    return increments.list();
  };
  const [waits, ...others] = add(jobs);
  assert.deepEqual(others, []);
  assert.deepEqual(waits?.buckets, [2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1]);
  assert.deepEqual(waits?.native, { "-34": 1, "-26": 1, "46": 1, "107": 1 });
  assert.deepEqual([waits?.count, waits?.sum], [4, 10_049.15]);
  const many: readonly FinishedJob[] = [JOB, { ...JOB, status: "failed" }, { ...JOB, build: null }];
  assert.deepEqual(add(many), add(many.toReversed()));
});
