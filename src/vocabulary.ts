/** What a build does with its workspace. */
export type Transition = "start" | "stop" | "delete";

/** Why there is a build: somebody asked for it, or a rule of the lifecycle did. */
export type BuildReason = "initiator" | "autostop" | "autostart" | "dormancy" | "autodelete";

/** How far a provisioner job is; derived from its times and its error, never stored by hand. */
export type JobStatus = "pending" | "running" | "succeeded" | "failed" | "canceling" | "canceled";

/** The statuses of a job that has not ended. */
export const UNDER_WAY: readonly JobStatus[] = ["pending", "running", "canceling"];

/** What a job is part of: an ordinary build, the making of a prebuild, or the hand-over of one. */
export type PrebuildStage = "none" | "create" | "claim";

/** Whether a workspace's agent can be used. */
export type AgentLifecycle = "starting" | "ready" | "start_timeout" | "start_error";
