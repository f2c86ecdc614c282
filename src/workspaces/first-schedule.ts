import { autostartProblem } from "../lifecycle/autostart.ts";
import { fieldProblem, ttlProblem } from "./schedule-rules.ts";

type Asked = { readonly autostartSchedule?: string | null | undefined; readonly ttlMs?: number | null | undefined };
type Allowing = Parameters<typeof autostartProblem>[1] & {
  readonly allowUserAutostart: boolean;
  readonly allowUserAutostop: boolean;
  /** Nanoseconds, like `maxTtl`. */
  readonly defaultTtl: number;
  readonly maxTtl: number;
};

const NS_PER_MS = 1_000_000;

/** When the workspace starts by itself; what is asked for is not looked at where the template does not permit any. */
export function autostartOf(input: Asked, target: Allowing): string | null {
  const schedule = input.autostartSchedule?.trim();
  if (!schedule || !target.allowUserAutostart) return null;
  const problem = autostartProblem(schedule, target);
  if (problem === undefined) return schedule;
  throw fieldProblem(`the autostart schedule ${problem}`, "autostart_schedule", problem);
}

/** Nanoseconds until autostop: what the request asks for where the template leaves the choice, else the template's. */
export function ttlOf(input: Asked, target: Allowing): number | null {
  if (!target.allowUserAutostop || input.ttlMs === undefined) return target.defaultTtl || null;
  const problem = ttlProblem(input.ttlMs, { allowUserAutostop: true, maxTtlMs: target.maxTtl / NS_PER_MS });
  if (problem !== undefined) throw fieldProblem(`the ttl ${problem}`, "ttl_ms", problem);
  return input.ttlMs ? input.ttlMs * NS_PER_MS : null;
}
