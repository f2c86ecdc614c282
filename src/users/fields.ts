import { z } from "zod";
import { SITE_ROLES } from "../rbac/roles.ts";

/** Names that users cannot have, because paths of the API say something else with them. */
export const RESERVED_USERNAMES = ["me", "prebuilds", "roles"] as const;

const text = { error: "must be text" };
const isReserved = (name: string) => RESERVED_USERNAMES.some((reserved) => reserved === name.toLowerCase());

/** Letters, digits and single hyphens between them: a username fits into host names and paths. */
const username = z
  .string(text)
  .max(32, { error: "must have at most 32 characters" })
  .regex(/^[a-zA-Z0-9]+(?:-[a-zA-Z0-9]+)*$/, {
    error: "must consist of letters and digits, with single hyphens between them",
  })
  .refine((name) => !isReserved(name), { error: `must not be ${RESERVED_USERNAMES.join(" or ")}` });

const email = z
  .string(text)
  .max(254, { error: "must have at most 254 characters" })
  .regex(/^[^\s@]+@[^\s@]+$/, { error: "must be an e-mail address" });

const name = z.string(text).max(128, { error: "must have at most 128 characters" });

/** What everybody is anyway may be among the roles that are given; it is not stored. */
const MEMBER = "member";
const siteRoles = z
  .array(z.enum([MEMBER, ...SITE_ROLES], { error: `there is no such site role; there are ${SITE_ROLES.join(", ")}` }), {
    error: "must be a list of roles",
  })
  .max(16, { error: "must have at most 16 entries" })
  .transform((names) => [...new Set(names)].filter((one) => one !== MEMBER).sort());

const loginType = z
  .enum(["token", "none"], { error: "token or none" })
  .describe("none: nobody can act as the user, and its tokens do not work");

/** A user in a path of the API. */
export const userParams = z.object({ user: z.string().describe("an id, a username, an email address or `me`") });

/** What makes a user. */
export const createUserBody = z.strictObject({
  username,
  email,
  name: name.default(""),
  roles: siteRoles.default([]).describe("site roles"),
  organization_ids: z
    .array(z.guid({ error: "must be a UUID" }), { error: "must be a list of ids" })
    .max(100, { error: "must have at most 100 entries" })
    .transform((ids) => [...new Set(ids.map((id) => id.toLowerCase()))])
    .optional()
    .describe("which organizations the user becomes a member of; absent: the default one"),
  login_type: loginType.default("token"),
});

/** What changes who a user is said to be. */
export const profileBody = z.strictObject({ username: username.optional(), name: name.optional() });

/** The whole list of a user's site roles. */
export const rolesBody = z.strictObject({ roles: siteRoles });

/** Whether there is a way to act as a user. */
export const loginTypeBody = z.strictObject({ login_type: loginType });
