import type { PoolView, PoolWhy } from "../prebuilds/status.ts";
import { actionsInWords, instantText, oneLine, poolTitle } from "./words.ts";

type Failure = PoolView["failures"][number];
type Pause = NonNullable<PoolView["paused"]>;

/** What the numbers of the pools do not tell: one line for each pool that has something to say, its failures below. */
export function poolNotes(pools: readonly PoolView[]): string[] {
  const allPaused = pools.find(({ paused }) => paused?.scope === "all")?.paused;
  return [...(allPaused ? [`all pools: ${pauseText(allPaused)}`] : []), ...pools.flatMap(notesOf)];
}

/** Who has paused a pool, and since when. */
export function pauseText({ by, at }: Pause): string {
  return `paused by ${by ?? "somebody"} since ${instantText(at)}`;
}

/** What explains one pool that is to have `desired` prebuilds, and a line for each build of it that failed. */
export function notesAbout(pool: PoolWhy, desired: number): { said: string[]; failures: string[] } {
  const said = [
    ...(pool.active && pool.status !== "healthy" ? [statusText(pool)] : []),
    ...(pool.paused?.scope === "pool" ? [pauseText(pool.paused)] : []),
    ...(pool.scheduling ? scheduleNotes(desired, pool.scheduling) : []),
    ...(pool.failed > 0 ? [`${pool.failed} failed kept`] : []),
    ...(pool.delete_failed > 0 ? [`${pool.delete_failed} could not be deleted`] : []),
  ];
  return { said, failures: pool.failures.map(failureText) };
}

function notesOf(pool: PoolView): string[] {
  const { said, failures } = notesAbout(pool, pool.desired);
  const actions = actionsInWords(pool.actions);
  const notes = [...said, ...(actions === "" ? [] : [`next: ${actions}`])];
  if (notes.length === 0 && failures.length === 0) return [];
  return [`${poolTitle(pool)}: ${notes.join("; ") || "builds failed"}`, ...failures];
}

function statusText({ status, status_since: since, status_detail: detail }: PoolWhy): string {
  const when = since === null ? "" : ` since ${instantText(since)}`;
  return `${status.replaceAll("_", " ")}${when}${detail === "" ? "" : `: ${oneLine(detail)}`}`;
}

function scheduleNotes(desired: number, scheduling: NonNullable<PoolView["scheduling"]>): string[] {
  const { problem, until, next_desired: next } = scheduling;
  if (problem !== null) return [`schedule not used, because ${oneLine(problem)}`];
  if (until === null) return [];
  return [`scheduled to ${desired} until ${instantText(until)}, then ${next}`];
}

function failureText({ workspace_name, failed_at, error, logs }: Failure): string {
  return `  ${workspace_name} failed at ${instantText(failed_at)}: ${oneLine(error) || "no error"} (log: ${logs})`;
}
