import type { Queryable } from "../db/connection.ts";
import { isVisible, VISIBILITY_PARAMETERS, visibilityValues } from "../db/visible.ts";
import type { OrganizationRow } from "../organizations/view.ts";
import type { Visibility } from "../rbac/visibility.ts";

/** One page of the organizations that a user is a member of and that may be seen, by name, and how many there are. */
export async function listOrganizationsOf(
  db: Queryable,
  userId: string,
  visible: Visibility,
  page: { readonly limit: number; readonly offset: number },
): Promise<{ organizations: OrganizationRow[]; total: number }> {
  const [user, limit, offset] = [1, 2, 3].map((place) => `$${VISIBILITY_PARAMETERS + place}`);
  const { rows } = await db.query<OrganizationRow & { total: number }>(
    `with matching as (
        select o.id, o.name, o.display_name, o.description, o.icon, o.is_default, o.created_at, o.updated_at
        from organizations o
        join organization_members m on m.organization_id = o.id and m.user_id = ${user}
        where not o.deleted and ${isVisible({ id: "o.id", organization: "o.id" })}),
      page as (select * from matching order by lower(name) limit ${limit} offset ${offset})
      select total.count as total, page.* from (select count(*)::int as count from matching) total
      left join page on true
      order by lower(page.name)`,
    [...visibilityValues(visible), userId, page.limit, page.offset],
  );
  return {
    organizations: rows.filter(({ id }) => id !== null).map(({ total: _, ...organization }) => organization),
    total: rows[0]?.total ?? 0,
  };
}
