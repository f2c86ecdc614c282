import { z } from "zod";
import { MAX_MICROS } from "./amount.ts";

const rule = { error: `a whole number of micros from 0 to ${MAX_MICROS}; a million of them are one dollar` };

/** An amount of money in micros. */
export const microsField = z
  .number(rule)
  .int({ ...rule, abort: true })
  .min(0, rule)
  .max(MAX_MICROS, rule);

/** The most ids that are asked about at once. */
const MAX_IDS = 100;

/** Ids in a query, separated by commas or each with the parameter's name; those that come twice count once. */
export const idsField = z
  .union([z.string(), z.array(z.string())], { error: `must have from 1 to ${MAX_IDS} ids, separated by commas` })
  .transform((given) => [given].flat().join(",").split(","))
  .pipe(z.array(z.guid({ error: "must be a UUID" })).max(MAX_IDS, { error: `must have at most ${MAX_IDS} ids` }))
  .transform((ids) => [...new Set(ids.map((id) => id.toLowerCase()))]);

const MAX_REQUEST_ID = 128;

/** What a client calls something that it adds, so that adding it again changes nothing. */
export const requestIdField = z
  .string({ error: "must be text" })
  .regex(new RegExp(`^[\\x21-\\x7e]{1,${MAX_REQUEST_ID}}$`), {
    error: `must have from 1 to ${MAX_REQUEST_ID} characters, such as a UUID: letters, digits and signs, no spaces`,
  })
  .describe("names what is added among all that the user spends; one that was used in the last day adds nothing");
