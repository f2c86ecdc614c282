import { Cron } from "croner";
import type { Scheduling } from "./snapshot.ts";

const MINUTE_MS = 60_000;

/**
 * The size a pool should have at `now`: that of the first window that is open, else `base`. A window is open exactly
 * when the instant's local minute matches its cron expression. A zone or expression that cannot be understood never
 * opens a window.
 */
export function targetAt(base: number, scheduling: Scheduling | null, now: Date): number {
  if (scheduling === null) return base;
  const minute = new Date(Math.floor(now.getTime() / MINUTE_MS) * MINUTE_MS);
  const open = scheduling.schedule.find(({ cron }) => isOpen(cron, scheduling.timezone, minute));
  return open?.instances ?? base;
}

function isOpen(cron: string, timezone: string, minute: Date): boolean {
  if (timezone === "") return false;
  try {
    return new Cron(cron, { timezone, mode: "5-part" }).match(minute);
  } catch {
    return false;
  }
}
