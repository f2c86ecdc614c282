import { Cron } from "croner";

export type AutostartSchedule = { readonly timezone: string; readonly cron: string };

/**
 * Reads an autostart schedule: a five-field cron expression, with `CRON_TZ=Zone ` in front when it is not UTC.
 * @returns the schedule, or a sentence that says what is wrong with the text
 */
export function parseAutostart(text: string): AutostartSchedule | string {
  const match = /^(?:CRON_TZ=(\S+)\s+)?(.+)$/.exec(text.trim());
  if (!match?.[2]) return "must be a cron expression such as CRON_TZ=Europe/Berlin 30 9 * * 1-5";
  const schedule = { timezone: match[1] ?? "UTC", cron: match[2] };
  try {
    new Intl.DateTimeFormat("en", { timeZone: schedule.timezone });
  } catch {
    return `names the time zone ${schedule.timezone}, which does not exist`;
  }
  try {
    if (new Cron(schedule.cron, { timezone: schedule.timezone, mode: "5-part" }).nextRun() === null) {
      return `has the cron expression ${schedule.cron}, which never comes true`;
    }
  } catch {
    return `has the cron expression ${schedule.cron}, which is not five valid fields`;
  }
  return schedule;
}

/** The first start after `now`. */
export function nextStartAt(schedule: AutostartSchedule, now: Date): Date | null {
  return new Cron(schedule.cron, { timezone: schedule.timezone, mode: "5-part" }).nextRun(now);
}
