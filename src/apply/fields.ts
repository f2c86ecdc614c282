import { Cron } from "croner";
import { z } from "zod";
import { parseDuration } from "../config.ts";

/** The most prebuilds that one pool may ask for; more is taken for a slip of the finger. */
const MAX_INSTANCES = 1_000;
/** The longest name of an organization, user or template. */
const MAX_NAME_LENGTH = 32;

/** A value that passes `test`; the one sentence `says` covers everything that can be wrong with it. */
export function rule<T>(says: string, test: (value: unknown) => boolean): z.ZodType<T, T> {
  return z.custom<T>(test, { error: (issue) => (issue.input === undefined ? "is missing" : says) });
}

/** Text that PostgreSQL can hold and give back unchanged. */
function isStorable(value: unknown): value is string {
  return typeof value === "string" && value.isWellFormed() && !value.includes("\0");
}

/** Free text of at most `max` characters; may be empty. */
export const text = (max: number) =>
  rule<string>(`must be text of at most ${max} characters`, (value) => isStorable(value) && value.length <= max);

/** Text of 1 to `max` characters that shows: no line breaks, no blanks at its ends. */
export const label = (max: number) =>
  rule<string>(
    `must be one line of 1 to ${max} characters`,
    (value) => isStorable(value) && value.length <= max && /^\S(.*\S)?$/.test(value),
  );

/** The name of an organization, user or template: fit for a path of the API. */
export const slug = (reserved: readonly string[] = []) =>
  rule<string>(
    `must be 1 to ${MAX_NAME_LENGTH} letters, digits and single hyphens between them` +
      (reserved.length > 0 ? `, and not ${reserved.join(" or ")}` : ""),
    (value) =>
      typeof value === "string" &&
      value.length <= MAX_NAME_LENGTH &&
      /^[a-zA-Z0-9]+(?:-[a-zA-Z0-9]+)*$/.test(value) &&
      !reserved.includes(value.toLowerCase()),
  );

/** An e-mail address, as far as its form tells. */
export const email = rule<string>(
  "must be an e-mail address",
  (value) => isStorable(value) && value.length <= 254 && /^[^\s@]+@[^\s@]+$/.test(value),
);

/** How many prebuilds to keep. */
export const instances = rule<number>(
  `must be a whole number from 0 to ${MAX_INSTANCES}`,
  (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MAX_INSTANCES,
);

/** Whole seconds, given as a number of them or as a duration such as `8h`; 0 means for ever. */
export const seconds = (maxDays: number) =>
  rule<number | string>(
    `must be a duration such as 90s, 5m or 1h30m, or a whole number of seconds, from 0 to ${maxDays} days`,
    (value) => {
      const given = secondsOf(value);
      return Number.isInteger(given) && given >= 0 && given <= maxDays * 86_400;
    },
  ).transform(secondsOf);

function secondsOf(value: unknown): number {
  if (typeof value === "string") return (parseDuration(value) ?? Number.NaN) / 1_000;
  return typeof value === "number" ? value : Number.NaN;
}

/** The value of a template parameter: always text, whatever it looks like. */
export const parameterValue = rule<string | number | boolean>(
  "must be text, a number, true or false, of at most 8192 characters",
  (value) =>
    (isStorable(value) && value.length <= 8_192) ||
    typeof value === "boolean" ||
    (typeof value === "number" && Number.isFinite(value)),
).transform(String);

/** The IANA name of a time zone. */
export const timezone = rule<string>("must be the name of a time zone, such as Europe/Berlin or UTC", isTimezone);

function isTimezone(value: unknown): boolean {
  // Offsets such as +01:00 are refused: they know no daylight saving, so they are rarely what is meant.
  if (typeof value !== "string" || !/^[A-Za-z]/.test(value)) return false;
  try {
    return new Intl.DateTimeFormat("en", { timeZone: value }) !== undefined;
  } catch {
    return false;
  }
}

/** A cron expression read as a range of minutes, such as `* 8-18 * * 1-5`. */
export const cron = z.unknown().transform((value, context): string => {
  const problem = value === undefined ? "is missing" : cronProblem(value);
  if (problem === undefined) return String(value);
  context.addIssue({ code: "custom", message: problem });
  return z.NEVER;
});

/** Any instant will do to ask for a next run; a fixed one makes the answer depend on the expression alone. */
const REFERENCE = new Date("2024-01-01T00:00:00Z");

/** What is wrong with a cron expression, if anything. */
function cronProblem(value: unknown): string | undefined {
  const form = "must be a cron expression of five fields, such as * 8-18 * * 1-5";
  if (typeof value !== "string" || value.length > 256) return form;
  const fields = value.trim().split(/\s+/);
  const weekday = fields[4];
  if (fields.length !== 5 || weekday === undefined || !/^[\dA-Za-z*,\-/ \t]+$/.test(value)) return form;
  const weekdays = weekday.replaceAll(/\/\d+/g, "").match(/\d+/g) ?? [];
  if (weekdays.some((day) => Number(day) > 6)) return "has a weekday above 6; Sunday is 0";
  try {
    const next = new Cron(fields.join(" "), { mode: "5-part", timezone: "UTC" }).nextRun(REFERENCE);
    return next === null ? "never comes: there is no such day" : undefined;
  } catch (error) {
    return `${form}: ${error instanceof Error ? error.message.replace(/^CronPattern: /, "") : error}`;
  }
}
