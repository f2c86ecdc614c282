import type { BuildReason, JobStatus, PrebuildStage, Transition } from "../vocabulary.ts";
import { type Increment, increment } from "./job-histogram.ts";

/** The build of a job that has ended, as far as it is counted. */
export type FinishedBuild = {
  readonly templateId: string;
  /** The preset that was built; null when none was. */
  readonly presetName: string | null;
  readonly transition: Transition;
  readonly reason: BuildReason;
  readonly number: number;
  /** The prebuilds system user asked for it. */
  readonly bySystem: boolean;
  readonly stage: PrebuildStage;
  /** It is a start, and no start of its workspace has succeeded before it. */
  readonly isFirstSuccess: boolean;
};

/** A job that has ended, as far as it is counted. */
export type FinishedJob = {
  readonly type: string;
  readonly provisioner: string;
  readonly status: JobStatus;
  readonly createdAt: Date;
  /** Null when no worker ever began it. */
  readonly startedAt: Date | null;
  readonly completedAt: Date;
  /** Null when it is not about a workspace. */
  readonly build: FinishedBuild | null;
};

/** What a successful start was for its workspace. */
export type StartClass = "prebuild" | "claim" | "regular" | "other";

/** Says what a successful start was; where several would be true, the first counts. */
export function classOfStart(build: Pick<FinishedBuild, "number" | "bySystem" | "stage">): StartClass {
  if (build.number === 1 && build.bySystem) return "prebuild";
  if (build.stage === "claim") return "claim";
  return build.number === 1 ? "regular" : "other";
}

/** What has ended before it began, by the clocks of two replicas, took no time. */
const secondsBetween = (from: Date, to: Date): number => Math.max(0, to.getTime() - from.getTime()) / 1_000;

/** All that one job adds to what is counted. */
export function countJob(job: FinishedJob): Increment[] {
  const { type, provisioner, createdAt, startedAt, completedAt, build } = job;
  const increments: Increment[] = [];
  const work = { transition: build?.transition ?? "", build_reason: build?.reason ?? "" };
  if (startedAt) {
    const labels = { provisioner_type: provisioner, job_type: type, ...work };
    const waited = secondsBetween(createdAt, startedAt);
    increments.push(increment("coderd_provisioner_job_queue_wait_seconds", null, labels, waited));
  }
  if (!build) return increments;
  const asked = { provisioner_type: provisioner, ...work };
  increments.push(increment("coderd_workspace_builds_enqueued_total", null, asked));
  const { templateId, transition, stage } = build;
  const ended = { transition, status: job.status, is_prebuild: String(stage === "create") };
  const took = secondsBetween(createdAt, completedAt);
  increments.push(increment("coderd_template_workspace_build_duration_seconds", templateId, ended, took));
  if (transition !== "start" || job.status !== "succeeded") return increments;
  return [...increments, ...countStart(build, secondsBetween(startedAt ?? completedAt, completedAt))];
}

/** What a start that has succeeded adds. */
function countStart(build: FinishedBuild, seconds: number): Increment[] {
  const increments: Increment[] = [];
  const preset = { preset_name: build.presetName ?? "" };
  const { templateId } = build;
  const kind = classOfStart(build);
  if (kind === "claim") {
    increments.push(increment("coderd_prebuilt_workspace_claim_duration_seconds", templateId, preset, seconds));
  } else if (kind !== "other") {
    const labels = { ...preset, type: kind };
    increments.push(increment("coderd_workspace_creation_duration_seconds", templateId, labels, seconds));
  }
  if (build.isFirstSuccess && !build.bySystem) {
    increments.push(increment("coderd_workspace_creation_total", templateId, preset));
  }
  return increments;
}
