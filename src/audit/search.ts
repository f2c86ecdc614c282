import { z } from "zod";
import { ProblemError } from "../errors.ts";
import { searchWords } from "../search-words.ts";
import { AUDIT_ACTIONS, AUDITED_TYPES } from "./entry.ts";

const MAX_LENGTH = 256;
const DAY_MS = 86_400_000;

const name = (what: string) =>
  z
    .string()
    .max(MAX_LENGTH, { error: `at most ${MAX_LENGTH} characters` })
    .describe(what);
const oneOf = <const T extends readonly string[]>(words: T) => z.enum(words, { error: `one of ${words.join(", ")}` });
const date = (what: string) =>
  z
    .union([z.iso.date(), z.iso.datetime({ offset: true })], {
      error: "a day such as 2025-06-02, or an instant such as 2025-06-02T09:00:00Z",
    })
    .describe(what);

/** What narrows the audit log, as the parameters of the query and as the keys of a search. */
export const auditQuery = {
  username: name("who did it; `me` is the caller").optional(),
  resource_type: oneOf(AUDITED_TYPES).optional(),
  resource_id: name("what it was done to").optional(),
  action: oneOf(AUDIT_ACTIONS).optional(),
  organization: name("an id, a name or `default`").optional(),
  date_from: date("not before this day (UTC) or instant").optional(),
  date_to: date("not after this day (UTC) or instant").optional(),
  target: name("part of what the thing was called").optional(),
};

const fields = z.object(auditQuery);
type Given = z.infer<typeof fields>;

/** Which entries of the audit log are asked for; all conditions must hold. */
export type AuditFilter = Omit<Given, "date_from" | "date_to" | "target"> & {
  readonly from?: Date;
  /** The last millisecond that counts. */
  readonly to?: Date;
  /** Each of these is part of what the thing was called, in any case. */
  readonly targets: readonly string[];
};

/**
 * Joins the parameters of a query with its search, whose words without a key are parts of what the thing was called.
 * @throws ProblemError that names what the search says wrong.
 */
export function auditFilterOf(query: Given & { readonly q?: string | undefined }, caller: string): AuditFilter {
  const { q = "", ...given } = query;
  const { words, ...searched } = parseSearch(q);
  const { date_from, date_to, target, ...rest } = { ...searched, ...given };
  return {
    ...rest,
    ...(rest.username === "me" ? { username: caller } : {}),
    ...(date_from === undefined ? {} : { from: new Date(date_from) }),
    ...(date_to === undefined ? {} : { to: endOf(date_to) }),
    targets: [...words, ...(target === undefined ? [] : [target])],
  };
}

/** A day ends with its last millisecond, and an instant is its own end. */
function endOf(text: string): Date {
  const start = new Date(text);
  return z.iso.date().safeParse(text).success ? new Date(start.getTime() + DAY_MS - 1) : start;
}

function parseSearch(text: string): Given & { readonly words: readonly string[] } {
  const found = new Map<string, string>();
  const words: string[] = [];
  for (const { key, value } of searchWords(text)) {
    if (key === undefined) words.push(value);
    else if (!Object.hasOwn(auditQuery, key)) {
      refuse(`there is no filter ${JSON.stringify(key)}; use ${Object.keys(auditQuery).join(", ")}`);
    } else if (found.has(key)) refuse(`${key} is given twice`);
    else found.set(key, value);
  }
  const checked = fields.safeParse(Object.fromEntries(found));
  if (checked.success) return { ...checked.data, words };
  refuse(...checked.error.issues.map(({ path, message }) => `${path.join(".")} must be ${message}`));
}

function refuse(...details: string[]): never {
  throw new ProblemError("invalid", "the request is not valid", {
    validations: details.map((detail) => ({ field: "q", detail })),
  });
}
