import { z } from "zod";

/** A user as the API shows it. */
export const userSchema = z.object({
  id: z.guid(),
  username: z.string(),
  email: z.string(),
  name: z.string(),
  status: z.enum(["active", "dormant", "suspended"]),
  roles: z.array(z.object({ name: z.string() })),
  organization_ids: z.array(z.guid()),
  is_system: z.boolean(),
  last_seen_at: z.iso.datetime().nullable(),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
});

/** Turns a stored user into what the API shows. */
export function userView(row: {
  readonly id: string;
  readonly username: string;
  readonly email: string;
  readonly name: string;
  readonly status: "active" | "dormant" | "suspended";
  readonly rbac_roles: readonly string[];
  readonly is_system: boolean;
  readonly organization_ids: readonly string[];
  readonly last_seen_at: Date | null;
  readonly created_at: Date;
  readonly updated_at: Date;
}): z.infer<typeof userSchema> {
  return {
    id: row.id,
    username: row.username,
    email: row.email,
    name: row.name,
    status: row.status,
    roles: row.rbac_roles.map((name) => ({ name })),
    organization_ids: [...row.organization_ids],
    is_system: row.is_system,
    last_seen_at: row.last_seen_at?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}
