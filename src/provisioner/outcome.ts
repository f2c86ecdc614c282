import { durationText } from "../duration.ts";

/** How one run of a program ended. */
export type Outcome =
  | { readonly kind: "succeeded" }
  | { readonly kind: "exited"; readonly code: number; readonly reason: string }
  | { readonly kind: "killed"; readonly signal: string; readonly reason: string }
  | { readonly kind: "timed_out"; readonly afterMs: number }
  | { readonly kind: "canceled" }
  | { readonly kind: "not_started"; readonly problem: string };

/** One sentence that says why a program did not do its work. */
export function describeFailure(name: string, outcome: Exclude<Outcome, { kind: "succeeded" }>): string {
  switch (outcome.kind) {
    case "exited":
      return withReason(`${name} exited with code ${outcome.code}`, outcome.reason);
    case "killed":
      return withReason(`${name} was killed by signal ${outcome.signal}`, outcome.reason);
    case "timed_out":
      return `${name} timed out after ${durationText(outcome.afterMs)}`;
    case "canceled":
      return `${name} was canceled`;
    case "not_started":
      return outcome.problem;
  }
}

/** Characters of a reason that fit into a build's error; the whole line is in the build's log. */
const MAX_REASON = 500;

function withReason(sentence: string, reason: string): string {
  if (reason === "") return sentence;
  return `${sentence}: ${reason.length > MAX_REASON ? `${reason.slice(0, MAX_REASON)}…` : reason}`;
}
