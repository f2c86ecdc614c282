import { isVisible, visibilityValues } from "../db/visible.ts";
import type { Visibility } from "../rbac/visibility.ts";
import { isKnownRole } from "./acl-store.ts";

/** Which workspaces may be seen; dormant ones are things of another type. */
export type VisibleWorkspaces = { readonly awake: Visibility; readonly dormant: Visibility };

/** Whether there are so many that they are best read owner by owner, until the page is full. */
export const seesMany = ({ awake, dormant }: VisibleWorkspaces): boolean =>
  [awake, dormant].some(({ everything, organizationIds }) => everything || organizationIds.length > 0);

type Put = (value: unknown) => string;

/** Of two values the one for the state that a workspace `s` is in. */
const byState = (awake: string, dormant: string) => `case when s.dormant_at is null then ${awake} else ${dormant} end`;

/**
 * The ids of what is shared with the subject, found once, by the indexes of what is shared at all. Every known role lets
 * its holder read the workspace, and no other role does; groups count in their own organization only.
 */
function sharedWith({ awake, dormant }: VisibleWorkspaces, put: Put): string {
  const { withGroups } = awake.shared;
  const user = `${put(awake.userId)}::text`;
  const withUser = byState(`${put(awake.shared.withUser)}::bool`, `${put(dormant.shared.withUser)}::bool`);
  const groupsIn = byState(`${put(awake.shared.groupsIn)}::uuid[]`, `${put(dormant.shared.groupsIn)}::uuid[]`);
  const keys = put([...withGroups, ...awake.shared.groupsIn, ...dormant.shared.groupsIn]);
  return `
    mine as materialized (
      select id::text as id, organization_id from groups where id = any (${put(withGroups)}::uuid[])),
    shared as materialized (
      select s.id from workspaces s
      where s.user_acl <> '{}' and s.user_acl ? ${user} and ${isKnownRole(`s.user_acl ->> ${user}`)} and ${withUser}
      union all
      select s.id from workspaces s
      where s.group_acl <> '{}' and s.group_acl ?| ${keys}::text[] and s.organization_id = any (${groupsIn})
        and (${isKnownRole("s.group_acl ->> s.organization_id::text")}
          or exists (select from mine
            where mine.organization_id = s.organization_id and ${isKnownRole("s.group_acl ->> mine.id")})))`;
}

/**
 * What a list of workspaces `w` begins with, and the condition that one may be seen. Their values are added to `values`.
 */
export function whatIsSeen(
  visible: VisibleWorkspaces,
  values: unknown[],
): { readonly tables: string; readonly condition: string } {
  const put: Put = (value) => `$${values.push(value)}`;
  const shared = sharedWith(visible, put);
  return seesMany(visible) ? seenAmongMany(visible, shared, values) : seenOneByOne(visible, shared, put);
}

/** For who sees little: its ids are found first, and the workspaces joined to them, however many are shared. */
function seenOneByOne({ awake, dormant }: VisibleWorkspaces, shared: string, put: Put) {
  const ownIn = byState(`${put(awake.ownIn)}::uuid[]`, `${put(dormant.ownIn)}::uuid[]`);
  const isNamed = ({ ids }: Visibility) => (ids === null ? "true" : `s.id::text = any (${put(ids)}::text[])`);
  const isInReach = (awake.ids ?? dormant.ids) ? byState(isNamed(awake), isNamed(dormant)) : "true";
  const tables = `${shared},
    seen as materialized (
      select s.id from workspaces s
      where s.owner_id = ${put(awake.userId)}::uuid and not s.deleted and s.organization_id = any (${ownIn}) and ${isInReach}
      union all
      select s.id from shared join workspaces s on s.id = shared.id where ${isInReach})`;
  return { tables, condition: "w.id in (select id from seen)" };
}

const COLUMNS = {
  id: "w.id",
  organization: "w.organization_id",
  owner: "w.owner_id",
  shared: "w.id in (select id from shared)",
};

/** For who sees whole organizations: each workspace is looked at, and what is shared is looked up by its hash. */
function seenAmongMany({ awake, dormant }: VisibleWorkspaces, tables: string, values: unknown[]) {
  const isSeen = (visibility: Visibility) => {
    const first = values.length + 1;
    values.push(...visibilityValues(visibility));
    return isVisible(COLUMNS, first);
  };
  // Nearly everybody who sees the ones sees the others, and is counted them without a look at each.
  const alike = JSON.stringify(awake) === JSON.stringify(dormant);
  const condition = alike
    ? isSeen(awake)
    : `((w.dormant_at is null and ${isSeen(awake)}) or (w.dormant_at is not null and ${isSeen(dormant)}))`;
  return { tables, condition };
}
