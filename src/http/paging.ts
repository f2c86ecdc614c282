import { z } from "zod";

/** The largest `limit` of a list; a caller that wants more asks again with an `offset`. */
const MAX_LIMIT = 1_000;

/** The query parameters that every list with pages takes. */
export const pageQuery = {
  limit: z.coerce
    .number({ error: `a whole number from 1 to ${MAX_LIMIT}` })
    .int({ error: `a whole number from 1 to ${MAX_LIMIT}` })
    .min(1, { error: `a whole number from 1 to ${MAX_LIMIT}` })
    .max(MAX_LIMIT, { error: `a whole number from 1 to ${MAX_LIMIT}` })
    .default(100),
  offset: z.coerce
    .number({ error: "a whole number from 0" })
    .int({ error: "a whole number from 0" })
    .min(0, { error: "a whole number from 0" })
    .max(2_147_483_647, { error: "a whole number from 0 to 2147483647" })
    .default(0),
};

/** In lists that are bare arrays, how many there are in all; the others say so beside the page, as `count`. */
export const TOTAL_HEADER = "x-total-count";

/** An id in the path. */
export const idParams = z.object({ id: z.guid({ error: "must be a UUID" }) });

/** A flag in the query. */
export const flag = z
  .enum(["true", "false"], { error: "true or false" })
  .default("false")
  .transform((text) => text === "true");
