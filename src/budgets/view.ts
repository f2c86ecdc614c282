import { z } from "zod";

/** The budget of a group as stored. */
export type GroupBudgetRow = {
  readonly group_id: string;
  readonly spend_limit_micros: number;
  readonly created_at: Date;
  readonly updated_at: Date;
};

/** The budget that is a user's own, as stored. */
export type OverrideRow = GroupBudgetRow & { readonly user_id: string };

/** A group's budget as the API shows it. */
export const groupBudgetSchema = z.object({
  group_id: z.guid(),
  spend_limit_micros: z.number().describe("what each member may spend on AI in a month"),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
});
export type GroupBudgetView = z.infer<typeof groupBudgetSchema>;

/** The budget that is a user's own, as the API shows it. */
export const overrideSchema = z.object({
  user_id: z.guid(),
  ...groupBudgetSchema.shape,
  group_id: z.guid().describe("the group that the spend counts for"),
  spend_limit_micros: z.number().describe("what the user may spend on AI in a month"),
});
export type OverrideView = z.infer<typeof overrideSchema>;

/** Turns a stored budget of a group into what the API shows. */
export function groupBudgetView({ created_at, updated_at, ...row }: GroupBudgetRow): GroupBudgetView {
  return { ...row, created_at: created_at.toISOString(), updated_at: updated_at.toISOString() };
}

/** Turns the stored budget of a user into what the API shows. */
export function overrideView({ user_id, ...row }: OverrideRow): OverrideView {
  return { user_id, ...groupBudgetView(row) };
}
