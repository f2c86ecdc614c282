import type { BuildRequest } from "../driver.ts";

/** The executables that a command template may have; only `start` is required. */
export const EXECUTABLES = ["start", "stop", "delete", "ready", "claim"] as const;

export type ExecutableName = (typeof EXECUTABLES)[number];

/** Which executable carries out a build. */
export function executableFor(request: Pick<BuildRequest, "transition" | "stage">): Exclude<ExecutableName, "ready"> {
  return request.transition === "start" && request.stage === "claim" ? "claim" : request.transition;
}
