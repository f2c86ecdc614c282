import { z } from "zod";

/** What a user is doing here: `dormant` is one that has not been active for long, and may come back. */
export const userStatusSchema = z.enum(["active", "dormant", "suspended"], { error: "active, dormant or suspended" });

/** A user as the API shows it. */
export const userSchema = z.object({
  id: z.guid(),
  username: z.string(),
  email: z.string(),
  name: z.string(),
  status: userStatusSchema,
  login_type: z.enum(["token", "none"]),
  roles: z.array(z.object({ name: z.string() })),
  organization_ids: z.array(z.guid()),
  is_system: z.boolean(),
  last_seen_at: z.iso.datetime().nullable(),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
});
export type UserView = z.infer<typeof userSchema>;

/** A user as stored, with the organizations that it is a member of. */
export type UserRow = {
  readonly id: string;
  readonly username: string;
  readonly email: string;
  readonly name: string;
  readonly status: UserView["status"];
  /** `none`: nobody can act as the user. */
  readonly login_type: UserView["login_type"];
  readonly rbac_roles: readonly string[];
  readonly is_system: boolean;
  readonly organization_ids: readonly string[];
  readonly last_seen_at: Date | null;
  readonly created_at: Date;
  readonly updated_at: Date;
};

/** Turns a stored user into what the API shows. */
export function userView(row: UserRow): UserView {
  return {
    id: row.id,
    username: row.username,
    email: row.email,
    name: row.name,
    status: row.status,
    login_type: row.login_type,
    roles: row.rbac_roles.map((name) => ({ name })),
    organization_ids: [...row.organization_ids],
    is_system: row.is_system,
    last_seen_at: row.last_seen_at?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}
