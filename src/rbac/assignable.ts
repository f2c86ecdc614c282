import type { Subject } from "./decide.ts";
import { ORGANIZATION_ROLES, SITE_ROLES } from "./roles.ts";

type Names = {
  readonly site: readonly string[];
  readonly organization: readonly string[];
  /** Whether the roles that people have made for an organization are among those. */
  readonly custom: boolean;
};
type Table = Readonly<Record<string, Names>>;

const MEMBERS: Names = { site: [], organization: ["organization-member"], custom: false };
const ALL: Names = { site: [], organization: ["organization-member", ...ORGANIZATION_ROLES], custom: true };

/** Which roles the holder of a role may give and take (roles specification, 5.3); who holds none of these: none. */
const BY_SITE_ROLE: Table = {
  owner: { ...ALL, site: ["member", ...SITE_ROLES] },
  "user-admin": { ...MEMBERS, site: ["member"] },
};
const BY_ORGANIZATION_ROLE: Table = { "organization-admin": ALL, "organization-user-admin": MEMBERS };

/**
 * The roles among `names` that the subject may neither give nor take: for the whole deployment, or in one organization
 * when that is given.
 * @param custom the names of roles that people have made for the organization; others are known only if built in
 */
export function notAssignable(
  subject: Subject,
  names: readonly string[],
  organizationId?: string,
  custom: readonly string[] = [],
): string[] {
  const tables = subject.roles.flatMap(({ name, within }) => {
    // What a role is held in says where its name is looked up: in an organization people may make one of any name.
    const table = within === undefined ? BY_SITE_ROLE : BY_ORGANIZATION_ROLE;
    const counts = within === undefined || within.organizationId === organizationId;
    return counts && Object.hasOwn(table, name) ? [table[name] as Names] : [];
  });
  const may = new Set(
    tables.flatMap(({ site, organization, custom: all }) =>
      organizationId === undefined ? site : [...organization, ...(all ? custom : [])],
    ),
  );
  return names.filter((name) => !may.has(name));
}
