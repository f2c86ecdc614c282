import { z } from "zod";
import { parseDuration } from "../duration.ts";
import { parseCronRange } from "../prebuilds/cron-range.ts";
import { isTimezone } from "../prebuilds/local-time.ts";
import { MAX_INSTANCES } from "../prebuilds/schedule.ts";

/** The longest name of an organization, user or template. */
const MAX_NAME_LENGTH = 32;

/** A value that passes `test`; the one sentence `says` covers everything that can be wrong with it. */
export function rule<T>(says: string, test: (value: unknown) => boolean): z.ZodType<T, T> {
  return z.custom<T>(test, { error: missingOr(says) });
}

/** A list of such things. */
export const listOf = <T extends z.ZodType>(item: T) => z.array(item, { error: missingOr("must be a list") });

function missingOr(says: string) {
  return (issue: { readonly input?: unknown }) => (issue.input === undefined ? "is missing" : says);
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

/** Whole seconds, given as a number of them or as a duration such as `8h`. */
export const seconds = (least: 0 | 1, maxDays: number) =>
  rule<number | string>(
    `must be a duration such as 90s, 5m or 1h30m, or a whole number of seconds, from ${least ? "1 second" : 0} to ${maxDays} days`,
    (value) => {
      const given = secondsOf(value);
      return Number.isInteger(given) && given >= least && given <= maxDays * 86_400;
    },
  ).transform(secondsOf);

/** Whole seconds from a minute on, or 0, which means never. */
export const secondsOrNever = (maxDays: number) =>
  rule<number | string>(
    `must be 0 (never), or a duration such as 5m or 1h30m or a whole number of seconds, from 1 minute to ${maxDays} days`,
    (value) => {
      const given = secondsOf(value);
      return given === 0 || (Number.isInteger(given) && given >= 60 && given <= maxDays * 86_400);
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
export const timezone = rule<string>(
  "must be the name of a time zone, such as Europe/Berlin or UTC",
  (value) => typeof value === "string" && isTimezone(value),
);

/** A cron expression read as a range of minutes, such as `* 8-18 * * 1-5`. */
export const cron = z.unknown().transform((value, context): string => {
  const problem = value === undefined ? "is missing" : cronProblem(value);
  if (problem === undefined) return String(value);
  context.addIssue({ code: "custom", message: problem });
  return z.NEVER;
});

/** What is wrong with a cron expression, if anything. */
function cronProblem(value: unknown): string | undefined {
  const range = parseCronRange(typeof value === "string" && value.length <= 256 ? value : "");
  return typeof range === "string" ? range : undefined;
}
