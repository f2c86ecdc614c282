import { quantile } from "../../bench/measure.ts";
import type { Fault, Round } from "./plan.ts";
import type { RoundResult } from "./round.ts";

/** What a run of the fault suite has come to. */
export type Summary = {
  readonly seed: number;
  /** The number of the first round. */
  readonly first: number;
  readonly startedAt: string;
  /** How many faults of each kind were injected; those of the driver by what it did. */
  readonly faults: Record<string, number>;
  /** How long each round took to be well again, in milliseconds. */
  readonly settledMs: number[];
  readonly violations: { readonly round: number; readonly what: string }[];
  /** How often all pools were looked at for having too many. */
  looks: number;
  requests: number;
  /** How many workspaces and versions were promised with 2xx. */
  promises: number;
};

/** A run that has not begun. */
export function createSummary(given: Pick<Summary, "seed" | "first" | "startedAt">): Summary {
  return { ...given, faults: {}, settledMs: [], violations: [], looks: 0, requests: 0, promises: 0 };
}

/** Adds what came of one round. */
export function addRound(summary: Summary, round: Round, result: RoundResult): void {
  for (const fault of round.faults) {
    const name = nameOf(fault);
    summary.faults[name] = (summary.faults[name] ?? 0) + 1;
  }
  summary.settledMs.push(Math.round(result.settledMs));
  summary.looks += result.looks;
  for (const what of result.violations) summary.violations.push({ round: round.number, what });
}

const nameOf = (fault: Fault) => (fault.kind === "driver" ? `driver ${fault.mode}` : fault.kind);

/** The run as a person reads it. */
export function formatSummary(summary: Summary): string {
  const { faults, settledMs, violations } = summary;
  const injected = Object.values(faults).reduce((sum, count) => sum + count, 0);
  const kinds = Object.entries(faults)
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([name, count]) => `${count} ${name}`);
  const seconds = (part: number) => (settledMs.length === 0 ? "-" : (quantile(settledMs, part) / 1_000).toFixed(1));
  return [
    `rounds      ${settledMs.length} (seed ${summary.seed}, from ${summary.first})`,
    `faults      ${injected}: ${kinds.join(", ")}`,
    `requests    ${summary.requests}, of which ${summary.promises} promised a workspace or a version`,
    `looks       ${summary.looks} at whether a pool has too many`,
    `well again  after ${seconds(0.5)} s (median), ${seconds(0.95)} s (p95), ${seconds(1)} s (longest)`,
    `violations  ${violations.length}`,
  ].join("\n");
}
