import type { Command } from "commander";
import type { GroupSpendView, MemberSpendView, SpendView } from "../budgets/spend-view.ts";
import { UsageError } from "../errors.ts";
import type { GroupMemberView, GroupView } from "../organizations/group-view.ts";
import { checkOrganization, findGroup, findUser, orMissing, titlesOf } from "./budget-reference.ts";
import { groupSpendTable, memberSpendTable, spendLines } from "./budget-words.ts";
import { type Client, openClient } from "./client.ts";
import { groupsOf, titleOf } from "./group-reference.ts";
import { type Io, printJson, printLines } from "./io.ts";

/** How many the daemon says the spend of in one answer. */
const MANY = 100;

type Options = {
  readonly user?: string;
  readonly group?: string;
  readonly groups?: boolean;
  readonly organization?: string;
  readonly json?: boolean;
};
type Period = Pick<SpendView, "period_start" | "period_end">;

/** Adds `budgets spend`. */
export function addBudgetSpendCommand(budgets: Command, io: Io): void {
  budgets
    .command("spend")
    .description("show what a user has spent this month, or the members of a group, or the groups of an organization")
    .option("--user <user>", "whose: an id, a username, an e-mail address, or `me` (default: me)")
    .option("--group <group>", "of the members of this group: its id, or its name in the organization")
    .option("--groups", "of all groups of the organization")
    .option("--organization <organization>", "which one, for --group and --groups (default: default)")
    .option("--json", "print it as JSON")
    .action(async ({ user, group, groups = false, organization, json = false }: Options) => {
      if ([user !== undefined, group !== undefined, groups].filter(Boolean).length > 1) {
        throw new UsageError("error: --user, --group and --groups do not go together");
      }
      checkOrganization(organization, "--group or --groups", group !== undefined || groups);
      const client = await openClient(io);
      if (groups) await showGroups(io, client, organization, json);
      else if (group === undefined) await showUser(io, client, user ?? "me", json);
      else await showMembers(io, client, await findGroup(client, { group, organization }), json);
    });
}

async function showUser(io: Io, client: Client, reference: string, json: boolean): Promise<void> {
  const { id, username } = await findUser(client, reference);
  const spend = await client.get<SpendView>(`/users/${id}/ai/spend`);
  if (json) printJson(io, spend);
  else printLines(io, spendLines(username, spend));
}

async function showMembers(io: Io, client: Client, group: GroupView, json: boolean): Promise<void> {
  const path = `/groups/${group.id}/members`;
  const { all, answers } = await inParts<GroupMemberView, MemberSpendView>(
    async (page) => (await client.get<{ readonly users: readonly GroupMemberView[] }>(`${path}?${page}`)).users,
    (ids) => client.get(`${path}/ai/spend?user_ids=${ids}`),
  );
  const spend = { ...(await periodOf(client, answers)), members: answers.flatMap(({ members }) => members) };
  if (json) {
    printJson(io, spend);
    return;
  }
  if (spend.members.length === 0) {
    printLines(io, [`there is nobody in ${titleOf(group)} whose spend you may see`]);
    return;
  }
  const effective = spend.members.flatMap(({ effective_group_id: id }) => (id === null ? [] : [id]));
  const titles = await titlesOf(client, effective, [group]);
  const names = new Map(all.map(({ id, username }) => [id, username]));
  printLines(io, memberSpendTable({ groupId: group.id, names, titles }, spend));
}

async function showGroups(io: Io, client: Client, organization: string | undefined, json: boolean): Promise<void> {
  const path = groupsOf(organization);
  const missing = `there is no organization ${organization ?? "default"}, or you may not see it; see \`organizations list\``;
  const { all, answers } = await inParts<GroupView, GroupSpendView>(
    (page) => orMissing(client.get(`${path}?${page}`), missing),
    (ids) => client.get(`${path}/ai/spend?group_ids=${ids}`),
  );
  const spend = { ...(await periodOf(client, answers)), groups: answers.flatMap(({ groups }) => groups) };
  if (json) printJson(io, spend);
  else if (spend.groups.length === 0) printLines(io, ["there are no groups whose spend you may see"]);
  else printLines(io, groupSpendTable(new Map(all.map((group) => [group.id, titleOf(group)])), spend));
}

/** Reads all there are, and asks about each part with its ids. */
async function inParts<Item extends { readonly id: string }, Answer>(
  read: (page: URLSearchParams) => Promise<readonly Item[]>,
  ask: (ids: string) => Promise<Answer>,
): Promise<{ readonly all: readonly Item[]; readonly answers: readonly Answer[] }> {
  const all: Item[] = [];
  const answers: Answer[] = [];
  for (;;) {
    const items = await read(new URLSearchParams({ limit: String(MANY), offset: String(all.length) }));
    if (items.length > 0) answers.push(await ask(items.map(({ id }) => id).join(",")));
    all.push(...items);
    if (items.length < MANY) return { all, answers };
  }
}

/** The month that the answers are for; where nobody was to be asked about, the one that it is. */
async function periodOf(client: Client, [first]: readonly Period[]): Promise<Period> {
  const { period_start, period_end } = first ?? (await client.get<Period>("/users/me/ai/spend"));
  return { period_start, period_end };
}
