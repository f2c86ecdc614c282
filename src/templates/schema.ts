import { z } from "zod";

const DAY_MS = 86_400_000;
const MAX_TTL_DAYS = 30;
const ttlRule = `a whole number of milliseconds from 0 (for ever) to ${MAX_TTL_DAYS * DAY_MS} (${MAX_TTL_DAYS} days)`;
const nameRule = "must be 1 to 32 letters, digits and single hyphens between them";

/** Text of at most `max` characters that PostgreSQL gives back unchanged; may be empty. */
const text = (max: number) =>
  z
    .string({ error: "must be text" })
    .max(max, { error: `must have at most ${max} characters` })
    .refine((given) => given.isWellFormed(), { error: "must be well-formed Unicode text" });

const flag = z.boolean({ error: "must be true or false" });

/** What changes a template; what is absent stays as it is. The limits are those of the apply file. */
export const updateTemplateBody = z.strictObject({
  name: z
    .string({ error: nameRule })
    .max(32, { error: nameRule })
    .regex(/^[a-zA-Z0-9]+(?:-[a-zA-Z0-9]+)*$/, { error: nameRule })
    .optional(),
  display_name: text(64).optional(),
  description: text(2_048).optional(),
  icon: text(256).optional(),
  default_ttl_ms: z
    .number({ error: ttlRule })
    .int({ error: ttlRule })
    .min(0, { error: ttlRule })
    .max(MAX_TTL_DAYS * DAY_MS, { error: ttlRule })
    .optional()
    .describe("after how long new workspaces stop; 0: never"),
  allow_user_autostart: flag.optional(),
  allow_user_autostop: flag.optional(),
  deprecation_message: text(1_024)
    .optional()
    .describe("why nobody should use it any more; empty: it is not deprecated"),
});
export type UpdateTemplate = z.infer<typeof updateTemplateBody>;

/** What makes another version the active one. */
export const activateVersionBody = z.strictObject({ id: z.guid({ error: "must be the id of a template version" }) });
