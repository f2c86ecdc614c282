import { type Command, InvalidArgumentError } from "commander";
import { exactDollars, MAX_DOLLARS, parseDollars } from "../budgets/exact-dollars.ts";
import type { SpendView } from "../budgets/spend-view.ts";
import type { GroupBudgetView, OverrideView } from "../budgets/view.ts";
import { ProblemError, UsageError } from "../errors.ts";
import type { GroupView } from "../organizations/group-view.ts";
import { checkOrganization, findGroup, findUser, flagsOf, orMissing, orNothing, titlesOf } from "./budget-reference.ts";
import { addBudgetSpendCommand } from "./budget-spend.ts";
import { groupBudgetLines, userBudgetLines } from "./budget-words.ts";
import { type Client, openClient } from "./client.ts";
import { titleOf } from "./group-reference.ts";
import { type Io, printJson, printLines } from "./io.ts";

const WHO = "an id, a username, an e-mail address, or `me`";
const WHOSE = `whose: ${WHO}`;
const WHICH = "its id, or its name in the organization";
const WHERE = "the organization that the group is in (default: default)";

type Options = {
  readonly user?: string;
  readonly group?: string;
  readonly organization?: string;
  readonly json?: boolean;
};

/** Adds `budgets show|set|clear|spend`. */
export function addBudgetsCommand(program: Command, io: Io): void {
  const budgets = program
    .command("budgets")
    .description("show and set what people may spend on AI in a month, and show what they have spent");
  addShow(budgets, io);
  addSet(budgets, io);
  addClear(budgets, io);
  addBudgetSpendCommand(budgets, io);
}

function addShow(budgets: Command, io: Io): void {
  budgets
    .command("show")
    .description("show what a user may spend, who says so, and what is left of it; or the budget of a group")
    .option("--user <user>", `${WHOSE} (default: me)`)
    .option("--group <group>", `the budget of this group instead: ${WHICH}`)
    .option("--organization <organization>", WHERE)
    .option("--json", "print it as JSON")
    .action(async ({ user, group, organization, json }: Options) => {
      if (user !== undefined && group !== undefined) throw new UsageError("error: --user does not go with --group");
      checkOrganization(organization, "--group", group !== undefined);
      const client = await openClient(io);
      if (group === undefined) await showUser(io, client, user ?? "me", json);
      else await showGroup(io, client, await findGroup(client, { group, organization }), json);
    });
}

async function showUser(io: Io, client: Client, reference: string, json = false): Promise<void> {
  const { id, username } = await findUser(client, reference);
  const own = await orNothing(client.get<OverrideView>(`/users/${id}/ai/budget`));
  const spend = await client.get<SpendView>(`/users/${id}/ai/spend`);
  if (json) {
    printJson(io, { budget: own ?? null, spend });
    return;
  }
  const titles = await titlesOf(client, spend.effective_group_id === null ? [] : [spend.effective_group_id]);
  printLines(io, userBudgetLines(username, own, spend, titles));
}

async function showGroup(io: Io, client: Client, group: GroupView, json = false): Promise<void> {
  const missing = `${withoutBudget(group)}; give it one with \`budgets set AMOUNT ${flagsOf(group)}\``;
  const budget = await orMissing(client.get<GroupBudgetView>(pathOf(group)), missing);
  if (json) printJson(io, budget);
  else printLines(io, groupBudgetLines(titleOf(group), budget));
}

function addSet(budgets: Command, io: Io): void {
  budgets
    .command("set")
    .description(
      "set what each member of a group may spend in a month, or what one of them alone may, whatever others may",
    )
    .argument("<amount>", "dollars, with up to six decimals, such as 50 or 12.50; 0 permits nothing", amount)
    .requiredOption("--group <group>", `the group that the spend counts for: ${WHICH}`)
    .option("--user <user>", `for this member alone: ${WHO}`)
    .option("--organization <organization>", WHERE)
    .option("--json", "print it as JSON")
    .action(async (micros: number, { user, group: reference, json, ...where }: Options & { group: string }) => {
      const client = await openClient(io);
      const member = user === undefined ? undefined : await findUser(client, user);
      const group = await findGroup(client, { ...where, group: reference });
      const limit = { spend_limit_micros: micros };
      const may = `may spend ${exactDollars(micros)} on AI in a month`;
      if (member === undefined) {
        const sent = client.send<GroupBudgetView>("PUT", pathOf(group), JSON.stringify(limit));
        const budget = await orMissing(sent, `${mayNotChange(titleOf(group))} right group:update`);
        if (json) printJson(io, budget);
        else printLines(io, [`each member of ${titleOf(group)} ${may}`]);
        return;
      }
      const body = JSON.stringify({ group_id: group.id, ...limit });
      const sent = client.send<OverrideView>("PUT", `/users/${member.id}/ai/budget`, body);
      const budget = await orMissing(sent, `${mayNotChange(member.username)} ${USERS_RIGHTS}`);
      if (json) printJson(io, budget);
      else printLines(io, [`${member.username} ${may}, which counts for ${titleOf(group)}`]);
    });
}

function addClear(budgets: Command, io: Io): void {
  budgets
    .command("clear")
    .description("take away the budget of a group, or the one that is a user's own")
    .option("--group <group>", `which group's: ${WHICH}`)
    .option("--user <user>", WHOSE)
    .option("--organization <organization>", WHERE)
    .option("--json", "print as JSON whose was taken away")
    .action(async ({ user, group: reference, organization, json }: Options) => {
      if ((user === undefined) === (reference === undefined)) {
        throw new UsageError("error: say whose budget to take away: either --group or --user");
      }
      checkOrganization(organization, "--group", reference !== undefined);
      const client = await openClient(io);
      if (reference !== undefined) {
        const group = await findGroup(client, { group: reference, organization });
        const right = `${mayNotChange(titleOf(group))} right group:update`;
        await clear(client, pathOf(group), { none: withoutBudget(group), right });
        if (json) printJson(io, { group_id: group.id, name: group.name, cleared: true });
        else printLines(io, [`group ${titleOf(group)} has no AI budget any more`]);
        return;
      }
      const { id, username } = await findUser(client, user ?? "me");
      const none = `${username} has no AI budget of their own; see \`budgets show --user ${username}\``;
      await clear(client, `/users/${id}/ai/budget`, { none, right: `${mayNotChange(username)} ${USERS_RIGHTS}` });
      if (json) printJson(io, { user_id: id, username, cleared: true });
      else printLines(io, [`${username} has no AI budget of their own any more; those of their groups count again`]);
    });
}

/** Takes a budget away. The daemon says the same when there is none and when one may not be changed; here it is known. */
async function clear(
  client: Client,
  path: string,
  { none, right }: { readonly none: string; readonly right: string },
): Promise<void> {
  if (await orNothing(client.send<undefined>("DELETE", path).then(() => true))) return;
  throw new ProblemError("not_found", (await orNothing(client.get(path))) === undefined ? none : right);
}

const pathOf = ({ id }: GroupView): string => `/groups/${id}/ai/budget`;
const withoutBudget = (group: GroupView): string => `group ${titleOf(group)} has no AI budget`;
const mayNotChange = (whose: string): string => `you may not change the AI budget of ${whose}: it needs the`;
const USERS_RIGHTS = "rights user:update, and group:update of the group that it counts for";

function amount(given: string): number {
  const micros = parseDollars(given);
  if (micros !== undefined) return micros;
  throw new InvalidArgumentError(
    `It must be dollars such as 50, 12.50 or 0.000001, at most ${MAX_DOLLARS}: no sign, no separators, six decimals at most.`,
  );
}
