import { z } from "zod";
import { type Period, startOf } from "./period.ts";
import { remainderOf, type Spending } from "./spending.ts";

const effective = {
  effective_group_id: z.guid().nullable().describe("the group that the user's spend counts for"),
  spend_limit_micros: z.number().nullable().describe("what the user may spend in the period; null for no limit"),
  limit_source: z.enum(["user_override", "group"]).nullable(),
};
const period = {
  period_start: z.iso.datetime().describe("the first moment of the calendar month in UTC"),
  period_end: z.iso.datetime().describe("the first moment of the month after"),
};
const spent = z.number().describe("what was spent in the period that counts for the group, over the limit or not");

/** What a user may spend on AI, and has spent, as the API shows it. */
export const spendSchema = z.object({ user_id: z.guid(), ...effective, ...period, current_spend_micros: spent });
export type SpendView = z.infer<typeof spendSchema>;

/** The same after something was added, with what a gateway has to know. */
export const recordedSpendSchema = spendSchema.extend({
  remaining_micros: z.number().nullable().describe("what is left of the limit; null for no limit"),
  limit_reached: z.boolean().describe("whether nothing is left"),
});
export type RecordedSpendView = z.infer<typeof recordedSpendSchema>;

/** What counts for some groups of an organization, as the API shows it. */
export const groupSpendSchema = z.object({
  ...period,
  groups: z.array(
    z.object({
      group_id: z.guid(),
      spend_limit_micros: z.number().nullable().describe("what each member may spend in the period; null for no limit"),
      current_spend_micros: z.number().describe("what was spent in the period that counts for the group"),
    }),
  ),
});
export type GroupSpendView = z.infer<typeof groupSpendSchema>;

/** What counts for a group of some of its members, as the API shows it. */
export const memberSpendSchema = z.object({
  ...period,
  members: z.array(
    z.object({
      user_id: z.guid(),
      ...effective,
      current_spend_micros: z
        .number()
        .describe("what the user spent in the period that counts for the group of the path, effective or not"),
    }),
  ),
});
export type MemberSpendView = z.infer<typeof memberSpendSchema>;

/** The period as the API shows it. */
export function periodView({ start, end }: Period): Pick<SpendView, "period_start" | "period_end"> {
  return { period_start: startOf(start), period_end: startOf(end) };
}

/** Somebody's spend in the period as the API shows it. */
export function spendView(spending: Spending, within: Period): SpendView {
  return { ...memberSpendView(spending), ...periodView(within) };
}

/** The same, with what is left. */
export function recordedSpendView(spending: Spending, within: Period): RecordedSpendView {
  const { remainingMicros, isReached } = remainderOf(spending);
  return { ...spendView(spending, within), remaining_micros: remainingMicros, limit_reached: isReached };
}

/** Somebody's spend as one of several. */
export function memberSpendView({ userId, budget, spentMicros }: Spending): MemberSpendView["members"][number] {
  return {
    user_id: userId,
    effective_group_id: budget.groupId,
    spend_limit_micros: budget.limitMicros,
    limit_source: budget.source,
    current_spend_micros: spentMicros,
  };
}
