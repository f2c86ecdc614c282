import { z } from "zod";

/** An organization as stored. */
export type OrganizationRow = {
  readonly id: string;
  readonly name: string;
  readonly display_name: string;
  readonly description: string;
  readonly icon: string;
  readonly is_default: boolean;
  readonly created_at: Date;
  readonly updated_at: Date;
};

/** An organization as the API shows it. */
export const organizationSchema = z.object({
  id: z.guid(),
  name: z.string(),
  display_name: z.string(),
  description: z.string(),
  icon: z.string(),
  is_default: z.boolean(),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
});
export type OrganizationView = z.infer<typeof organizationSchema>;

/** Turns a stored organization into what the API shows. */
export function organizationView(row: OrganizationRow): OrganizationView {
  return { ...row, created_at: row.created_at.toISOString(), updated_at: row.updated_at.toISOString() };
}

/** What the audit log tells of an organization. */
export function organizationFields({ name, display_name, description, icon, is_default }: OrganizationRow) {
  return { name, display_name, description, icon, is_default };
}
