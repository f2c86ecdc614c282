import { z } from "zod";

const MAX_NAME = 32;
const MAX_QUOTA = 2_147_483_647;
const quotaRule = { error: `a whole number from 0 to ${MAX_QUOTA}` };

/** A name of at most so many characters, fit for a path of the API. */
export const nameOfAtMost = (most: number) =>
  z
    .string({ error: "must be text" })
    .max(most, { error: `must have at most ${most} characters` })
    .regex(/^[a-zA-Z0-9]+(?:-[a-zA-Z0-9]+)*$/, {
      error: "must consist of letters and digits, with single hyphens between them",
    });

/** The name of an organization or a group. */
export const nameField = nameOfAtMost(MAX_NAME);

/** Text of at most so many characters, which may be empty; half characters become what the database makes of them. */
export const textField = (most: number) =>
  z
    .string({ error: "must be text" })
    .max(most, { error: `must have at most ${most} characters` })
    .overwrite((text) => text.toWellFormed());

/** What a person reads instead of a name. */
export const displayNameField = textField(64);

/** How much of what templates charge for the workspaces of a group's members may cost, in the unit of the templates. */
export const quotaField = z.number(quotaRule).int(quotaRule).min(0, quotaRule).max(MAX_QUOTA, quotaRule);

/** An organization in a path. */
export const organizationParam = z.string().describe("an id, a name or `default`");

/** A user in a path. */
export const userParam = z.string().describe("an id, a username, an email address or `me`");

/** What something is after a change; what the change does not name stays. */
export function withChanges<T extends object>(before: T, changes: { readonly [K in keyof T]?: T[K] | undefined }): T {
  const named = Object.entries(changes).filter(([, value]) => value !== undefined);
  return { ...before, ...(Object.fromEntries(named) as Partial<T>) };
}
