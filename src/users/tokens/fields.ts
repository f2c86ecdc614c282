import { z } from "zod";
import { allowListProblem, scopeProblem, UNLIMITED, type WrittenScope } from "../../rbac/scope.ts";

/** No token lives longer, unless it is made to live for ever. */
const MAX_LIFETIME_SECONDS = 10 * 365 * 86_400;
const MAX_ENTRIES = 100;
/** Longer than the longest type with an id. */
const MAX_ENTRY_LENGTH = 100;

/** A list of words that limit a token, each of which `problemOf` finds nothing wrong with. */
const limits = (problemOf: (word: string) => string | undefined) =>
  z
    .array(
      z
        .string({ error: "must be text" })
        .max(MAX_ENTRY_LENGTH, { error: `must have at most ${MAX_ENTRY_LENGTH} characters`, abort: true })
        .superRefine((word, context) => {
          const message = problemOf(word);
          if (message !== undefined) context.addIssue({ code: "custom", message });
        }),
      { error: "must be a list of words" },
    )
    .min(1, { error: "must have at least one entry; a token without limits has no such list" })
    .max(MAX_ENTRIES, { error: `must have at most ${MAX_ENTRIES} entries` })
    .transform((words) => [...new Set(words)]);

/** What makes a token. */
export const tokenBody = z.strictObject({
  token_name: z.string({ error: "must be text" }).max(64, { error: "must have at most 64 characters" }).default(""),
  lifetime_seconds: z
    .number({ error: "a number of seconds" })
    .int({ error: "a whole number of seconds" })
    .min(1, { error: "at least 1 second" })
    .max(MAX_LIFETIME_SECONDS, { error: `at most ${MAX_LIFETIME_SECONDS} seconds` })
    .nullish()
    .describe("absent: for ever"),
  scopes: limits(scopeProblem)
    .optional()
    .describe("what it may be used for: `all`, `type:action` or `type:*`; absent: everything that its user may do"),
  allow_list: limits(allowListProblem)
    .optional()
    .describe("what it may be used on: `type:id`, `type:*` or `*:*`; absent: everything"),
});

/** What a token to be made is to be limited to. */
export function scopeOf(body: z.infer<typeof tokenBody>): WrittenScope {
  return { scopes: body.scopes ?? UNLIMITED.scopes, allowList: body.allow_list ?? UNLIMITED.allowList };
}
