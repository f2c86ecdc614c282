import { ProblemError, UsageError } from "../errors.ts";
import type { GroupView } from "../organizations/group-view.ts";
import type { UserView } from "../users/view.ts";
import { isUuid } from "../uuid.ts";
import type { Client } from "./client.ts";
import { groupsOf, titleOf } from "./group-reference.ts";

/** A group by the names that a person gives; `default` where no organization is named. */
export type GroupReference = { readonly group: string; readonly organization?: string | undefined };

/** Finds a user; one who is not there, or may not be seen, is a ProblemError. */
export function findUser(client: Client, user: string): Promise<UserView> {
  const missing = `there is no user ${user}, or you may not see them; see \`users list\``;
  return orMissing(client.get<UserView>(`/users/${encodeURIComponent(user)}`), missing);
}

/** Finds a group; one that is not there, or may not be seen, is a ProblemError. */
export function findGroup(client: Client, { group, organization }: GroupReference): Promise<GroupView> {
  if (isUuid(group)) {
    const missing = `there is no group ${group}, or you may not see it; see \`groups list\``;
    return orMissing(client.get<GroupView>(`/groups/${group}`), missing);
  }
  const where = organization ?? "default";
  const title = `${where}/${group}`;
  const missing = `there is no group ${title}, or you may not see it; see \`groups list${flagOf(where)}\``;
  return orMissing(client.get<GroupView>(`${groupsOf(organization)}/${encodeURIComponent(group)}`), missing);
}

/** How to name a group to the commands. */
export const flagsOf = ({ organization_name, name }: GroupView): string =>
  `--group ${name}${flagOf(organization_name)}`;

const flagOf = (organization: string): string => (organization === "default" ? "" : ` --organization ${organization}`);

/** What groups are called, by their ids. One that may not be seen is called by its id. */
export async function titlesOf(
  client: Client,
  ids: Iterable<string>,
  known: readonly GroupView[] = [],
): Promise<ReadonlyMap<string, string>> {
  const titles = new Map(known.map((group) => [group.id, titleOf(group)]));
  const others = [...new Set(ids)].filter((id) => !titles.has(id));
  const found = await Promise.all(others.map((id) => unless(refused, client.get<GroupView>(`/groups/${id}`))));
  for (const [index, id] of others.entries()) {
    const group = found[index];
    titles.set(id, group ? titleOf(group) : id);
  }
  return titles;
}

/** What was found, or undefined when it is not there or may not be seen. */
export const orNothing = <T>(answer: Promise<T>): Promise<T | undefined> => unless(isMissing, answer);

/**
 * What was found.
 * @throws ProblemError with these words when it is not there or may not be seen
 */
export async function orMissing<T>(answer: Promise<T>, words: string): Promise<T> {
  const found = await orNothing(answer);
  if (found === undefined) throw new ProblemError("not_found", words);
  return found;
}

/** Refuses an `--organization` that stands beside no flag which needs it. */
export function checkOrganization(organization: string | undefined, flags: string, isThere: boolean): void {
  if (organization !== undefined && !isThere) throw new UsageError(`error: --organization goes with ${flags}`);
}

const isMissing = (error: unknown): boolean => error instanceof ProblemError && error.kind === "not_found";

/** A token that is limited may not be for groups at all. */
const refused = (error: unknown): boolean =>
  isMissing(error) || (error instanceof ProblemError && error.kind === "forbidden");

async function unless<T>(isNothing: (error: unknown) => boolean, answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isNothing(error)) return undefined;
    throw error;
  }
}
