import { exactDollars } from "../budgets/exact-dollars.ts";
import type { GroupSpendView, MemberSpendView, SpendView } from "../budgets/spend-view.ts";
import type { GroupBudgetView, OverrideView } from "../budgets/view.ts";
import { formatTable } from "./table.ts";
import { instantText } from "./words.ts";

/** What the groups are called that somebody's budget and spend are of, by their ids. */
type Titles = ReadonlyMap<string, string>;

/** A group's budget, for a person. */
export function groupBudgetLines(title: string, { spend_limit_micros, updated_at }: GroupBudgetView): string[] {
  return described([
    ["group", title],
    ["limit", `${exactDollars(spend_limit_micros)} a month for each member`],
    ["set", instantText(updated_at)],
  ]);
}

/** Somebody's own budget, if there is one, what counts for them, and what is left of it. */
export function userBudgetLines(
  username: string,
  own: OverrideView | undefined,
  spend: SpendView,
  titles: Titles,
): string[] {
  const { effective_group_id: groupId, spend_limit_micros: limit, limit_source: source } = spend;
  const group = titleIn(titles, groupId);
  const says = source === "user_override" ? "their own budget" : `the budget of ${group}`;
  return described([
    ["user", username],
    ["own budget", own ? `${exactDollars(own.spend_limit_micros)} a month` : "none"],
    ["limit", limit === null ? "none" : `${exactDollars(limit)} a month, which is ${says}`],
    ["counts for", groupId === null ? "no group" : group],
    ["spent", exactDollars(spend.current_spend_micros)],
    ["left", leftInWords(spend)],
    ["until", instantText(spend.period_end)],
  ]);
}

/** What somebody has spent of what they may spend. */
export function spendLines(username: string, spend: SpendView): string[] {
  const { spend_limit_micros: limit, current_spend_micros, period_start, period_end } = spend;
  return described([
    ["user", username],
    ["spent", exactDollars(current_spend_micros)],
    ["limit", limit === null ? "none" : exactDollars(limit)],
    ["left", leftInWords(spend)],
    ["period", `${instantText(period_start)} to ${instantText(period_end)}`],
  ]);
}

type Limited = Pick<SpendView, "spend_limit_micros" | "current_spend_micros">;

function leftInWords({ spend_limit_micros: limit, current_spend_micros: spent }: Limited): string {
  if (limit === null) return "";
  const over = spent > limit ? `; ${exactDollars(spent - limit)} over the limit` : "";
  return `${exactDollars(Math.max(limit - spent, 0))}${over}`;
}

/** What the members of a group have spent that counts for it, and what each may spend. */
export function memberSpendTable(
  { groupId, names, titles }: { readonly groupId: string; readonly names: Titles; readonly titles: Titles },
  { members, period_start }: MemberSpendView,
): string[] {
  return columnsOf(members, [
    { heading: "USERNAME", cell: ({ user_id }) => titleIn(names, user_id) },
    { heading: spentHeading(period_start), cell: (one) => exactDollars(one.current_spend_micros), isAmount: true },
    { heading: "LIMIT", cell: (one) => limitText(one.spend_limit_micros), isAmount: true },
    {
      heading: "LEFT",
      // What somebody has spent of a limit that counts for another group is not known here.
      cell: (one) => (one.effective_group_id === groupId && one.spend_limit_micros !== null ? leftOf(one) : ""),
      isAmount: true,
    },
    { heading: "WHOSE LIMIT", cell: ({ limit_source: source }) => (source === "user_override" ? "their own" : source) },
    { heading: "COUNTS FOR", cell: ({ effective_group_id: id }) => titleIn(titles, id) },
  ]);
}

/** What has been spent that counts for groups, and what each of their members may spend. */
export function groupSpendTable(titles: Titles, { groups, period_start }: GroupSpendView): string[] {
  return columnsOf(groups, [
    { heading: "GROUP", cell: ({ group_id }) => titleIn(titles, group_id) },
    { heading: spentHeading(period_start), cell: (one) => exactDollars(one.current_spend_micros), isAmount: true },
    { heading: "LIMIT OF EACH MEMBER", cell: (one) => limitText(one.spend_limit_micros), isAmount: true },
  ]);
}

const spentHeading = (start: string): string => `SPENT IN ${start.slice(0, "2026-03".length)}`;
const limitText = (micros: number | null): string => (micros === null ? "none" : exactDollars(micros));
const leftOf = (one: Limited): string =>
  exactDollars(Math.max((one.spend_limit_micros ?? 0) - one.current_spend_micros, 0));
const titleIn = (titles: Titles, id: string | null): string => (id === null ? "" : (titles.get(id) ?? id));

type Column<T> = {
  readonly heading: string;
  readonly cell: (item: T) => string | null;
  readonly isAmount?: boolean;
};

function columnsOf<T>(items: readonly T[], columns: readonly Column<T>[]): string[] {
  const aligned = columns.map(({ heading, cell, isAmount = false }) => {
    const cells = items.map((item) => cell(item) ?? "");
    return isAmount ? alignAmounts(heading, cells) : [heading, ...cells];
  });
  const [headings = [], ...rows] = [-1, ...items.keys()].map((row) => aligned.map((cells) => cells[row + 1] ?? ""));
  return formatTable(headings, rows);
}

/** A column whose decimal points stand below each other, so that one sees which amount is larger. */
function alignAmounts(heading: string, cells: readonly string[]): string[] {
  const decimalsOf = (cell: string) => cell.length - `${cell}.`.indexOf(".");
  const decimals = Math.max(0, ...cells.map(decimalsOf));
  const padded = cells.map((cell) => (decimalsOf(cell) > 0 ? cell + " ".repeat(decimals - decimalsOf(cell)) : cell));
  const width = Math.max(heading.length, ...padded.map((cell) => cell.length));
  return [heading, ...padded].map((cell) => cell.padStart(width));
}

function described(lines: readonly (readonly [name: string, value: string])[]): string[] {
  const given = lines.filter(([, value]) => value !== "");
  const width = Math.max(...given.map(([name]) => name.length)) + 1;
  return given.map(([name, value]) => `${`${name}:`.padEnd(width)} ${value}`);
}
