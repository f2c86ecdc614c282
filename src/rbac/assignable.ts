import type { Subject } from "./decide.ts";
import { ORGANIZATION_ROLES, SITE_ROLES } from "./roles.ts";

type Names = { readonly site: readonly string[]; readonly organization: readonly string[] };

const ALL: Names = {
  site: ["member", ...SITE_ROLES],
  organization: ["organization-member", ...ORGANIZATION_ROLES],
};

/** Which roles the holder of a role may give and take (roles specification, 5.3); who holds none of these: none. */
const MAY_ASSIGN: Readonly<Record<string, Names>> = {
  owner: ALL,
  "user-admin": { site: ["member"], organization: ["organization-member"] },
  "organization-admin": { ...ALL, site: [] },
  "organization-user-admin": { site: [], organization: ["organization-member"] },
};

/**
 * The roles among `names` that the subject may neither give nor take: for the whole deployment, or in one organization
 * when that is given. It knows of built-in roles only.
 */
export function notAssignable(subject: Subject, names: readonly string[], organizationId?: string): string[] {
  const level = organizationId === undefined ? "site" : "organization";
  const may = new Set(
    subject.roles
      .filter(({ within }) => within === undefined || within.organizationId === organizationId)
      .flatMap(({ name }) => MAY_ASSIGN[name]?.[level] ?? []),
  );
  return names.filter((name) => !may.has(name));
}
