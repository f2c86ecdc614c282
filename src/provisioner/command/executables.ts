import type { BuildRequest } from "../driver.ts";

/** The executables that a command template may have; only `start` is required. */
export const EXECUTABLES = ["start", "stop", "delete", "ready", "claim"] as const;

export type ExecutableName = (typeof EXECUTABLES)[number];

/** Which executable carries out a build. */
export function executableFor(request: Pick<BuildRequest, "transition" | "stage">): Exclude<ExecutableName, "ready"> {
  return request.transition === "start" && request.stage === "claim" ? "claim" : request.transition;
}

/** How one run of an executable ended. */
export type Outcome =
  | { readonly kind: "succeeded" }
  | { readonly kind: "exited"; readonly code: number; readonly lastErrorLine: string }
  | { readonly kind: "killed"; readonly signal: string; readonly lastErrorLine: string }
  | { readonly kind: "timed_out"; readonly afterMs: number }
  | { readonly kind: "canceled" }
  | { readonly kind: "not_started"; readonly problem: string };

/** One sentence that says why an executable did not do its work. */
export function describeFailure(name: ExecutableName, outcome: Exclude<Outcome, { kind: "succeeded" }>): string {
  switch (outcome.kind) {
    case "exited":
      return withReason(`${name} exited with code ${outcome.code}`, outcome.lastErrorLine);
    case "killed":
      return withReason(`${name} was killed by signal ${outcome.signal}`, outcome.lastErrorLine);
    case "timed_out":
      return `${name} timed out after ${formatDuration(outcome.afterMs)}`;
    case "canceled":
      return `${name} was canceled`;
    case "not_started":
      return outcome.problem;
  }
}

/** Characters of the last error line that fit into a build's error; the whole line is in the build's log. */
const MAX_REASON = 500;

function withReason(sentence: string, reason: string): string {
  if (reason === "") return sentence;
  return `${sentence}: ${reason.length > MAX_REASON ? `${reason.slice(0, MAX_REASON)}…` : reason}`;
}

/** A duration the way that settings write it, such as `90s` as `1m30s`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)}ms`;
  const seconds = Math.round(ms / 1_000);
  const parts = [
    [Math.floor(seconds / 3_600), "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
  ] as const;
  return parts.flatMap(([count, unit]) => (count > 0 ? [`${count}${unit}`] : [])).join("");
}
