import type { Role } from "./decide.ts";
import { DORMANT_ACTIONS, everythingBut } from "./organization-member.ts";
import { allow, deny, type Permission } from "./permission.ts";
import { ANY, POLICY } from "./policy.ts";
import { isSystemRole, MEMBER_ROLE, type RoleLevels } from "./system-roles.ts";

/** The roles that a user can be given for the whole deployment. */
export const SITE_ROLES = ["owner", "auditor", "template-admin", "user-admin"] as const;
export type SiteRoleName = (typeof SITE_ROLES)[number];

/** The roles that a member can be given in an organization. */
export const ORGANIZATION_ROLES = [
  "organization-admin",
  "organization-auditor",
  "organization-user-admin",
  "organization-template-admin",
  "organization-workspace-creation-ban",
] as const;
export type OrganizationRoleName = (typeof ORGANIZATION_ROLES)[number];

const PREBUILDS = allow("prebuilt_workspace", "update", "delete");
const DORMANT = allow("workspace_dormant", ...DORMANT_ACTIONS);
const READ_PEOPLE = [
  ...allow("group", "read"),
  ...allow("group_member", "read"),
  ...allow("organization", "read"),
  ...allow("organization_member", "read"),
];
const READ_USERS = allow("user", "read");

const MANAGE_TEMPLATES = [
  ...allow("template", ANY),
  ...allow("file", "create", "read"),
  // Not dormant ones: the matrix of roles gives those to administrators alone.
  ...allow("workspace", "read"),
  ...PREBUILDS,
  ...allow("provisioner_daemon", ...POLICY.provisioner_daemon),
  ...READ_PEOPLE,
];

const MANAGE_PEOPLE = [
  ...allow("assign_org_role", "assign", "unassign", "read"),
  ...allow("organization", "read"),
  ...allow("organization_member", ...POLICY.organization_member),
  ...allow("group", ...POLICY.group),
  ...allow("group_member", "read"),
  ...allow("idpsync_settings", "read", "update"),
];

/** What everybody may do: little for the whole deployment, and nearly everything with what is theirs alone. */
const MEMBER: Role = {
  name: "member",
  site: [...allow("assign_role", "read"), ...allow("oauth2_app", "read"), ...allow("workspace_proxy", "read")],
  user: [
    ...everythingBut(
      "workspace",
      "workspace_dormant",
      "prebuilt_workspace",
      "user",
      "organization_member",
      "boundary_log",
      "boundary_usage",
      "aibridge_interception",
      "chat",
      "ai_seat",
    ),
    ...allow("user", "read", "read_personal", "update_personal"),
    ...allow("aibridge_interception", "create", "update"),
    ...allow("boundary_log", "create"),
  ],
};

/** Denied to everybody, owners too, because it is denied on the highest level. */
const MEMBER_WITHOUT_SHARING: Role = { ...MEMBER, site: [...MEMBER.site, ...deny("workspace", "share")] };

/** What each site role grants (roles specification, 5.2). */
const SITE: Readonly<Record<SiteRoleName, readonly Permission[]>> = {
  owner: [
    ...everythingBut(
      "workspace_dormant",
      "prebuilt_workspace",
      "ai_gateway_key",
      "boundary_log",
      "boundary_usage",
      "user_secret",
      "usage_event",
      "ai_seat",
    ),
    ...DORMANT,
    ...PREBUILDS,
    ...allow("ai_gateway_key", "create", "read", "delete"),
    ...allow("boundary_log", "read"),
  ],
  auditor: [
    ...allow("assign_org_role", "read"),
    ...allow("audit_log", "read"),
    ...allow("connection_log", "read"),
    ...READ_USERS,
    ...READ_PEOPLE,
    ...allow("deployment_stats", "read"),
    ...allow("deployment_config", "read"),
    ...allow("aibridge_interception", "read"),
    ...allow("boundary_log", "read"),
    ...allow("template", "read", "view_insights"),
  ],
  "template-admin": [...allow("assign_org_role", "read"), ...READ_USERS, ...MANAGE_TEMPLATES],
  "user-admin": [...allow("assign_role", "assign", "unassign", "read"), ...allow("user", ANY), ...MANAGE_PEOPLE],
};

/** What each organization role grants there; some also let their holders read users everywhere. */
const ORGANIZATION: Readonly<Record<OrganizationRoleName, { site: Permission[]; org: Permission[] }>> = {
  "organization-admin": {
    site: READ_USERS,
    org: [
      ...everythingBut(
        "workspace",
        "workspace_dormant",
        "prebuilt_workspace",
        "assign_role",
        "user_secret",
        "boundary_log",
        "boundary_usage",
        "ai_seat",
      ),
      ...allow(
        "workspace",
        ...POLICY.workspace.filter((action) => action !== "ssh" && action !== "application_connect"),
      ),
      ...DORMANT,
      ...PREBUILDS,
    ],
  },
  "organization-auditor": {
    site: READ_USERS,
    org: [...allow("audit_log", "read"), ...READ_PEOPLE, ...allow("template", "read", "view_insights")],
  },
  "organization-user-admin": { site: READ_USERS, org: MANAGE_PEOPLE },
  "organization-template-admin": {
    site: [],
    org: [...MANAGE_TEMPLATES, ...allow("provisioner_jobs", ...POLICY.provisioner_jobs)],
  },
  "organization-workspace-creation-ban": {
    site: [],
    org: deny("workspace", "create", "delete", "create_agent", "delete_agent"),
  },
};

const NOTHING: readonly Permission[] = [];

const isSiteRole = (name: string): name is SiteRoleName => Object.hasOwn(SITE, name);
const isOrganizationRole = (name: string): name is OrganizationRoleName => Object.hasOwn(ORGANIZATION, name);

/**
 * Whether a role of the name, whatever is stored under it, is none of those that people have made: names stand, in any
 * case, for the roles of the code and of the daemon first.
 */
export function isNotCustom(name: string): boolean {
  return isSystemRole(name) || isOrganizationRole(name.toLowerCase());
}

/**
 * The roles of a user for the whole deployment: `member`, which all have, and those given. Unknown names are nothing.
 * @param workspaceSharingDisabled the switch of the whole deployment, which denies sharing to all
 */
export function siteRoles(names: readonly string[], workspaceSharingDisabled = false): Role[] {
  const member = workspaceSharingDisabled ? MEMBER_WITHOUT_SHARING : MEMBER;
  return [member, ...names.filter(isSiteRole).map((name) => ({ name, site: SITE[name], user: NOTHING }))];
}

/** A role as the database has it: one that people have made for an organization, or a system role. */
export type StoredRole = {
  readonly name: string;
  readonly isSystem: boolean;
  readonly org: readonly Permission[];
  readonly member: readonly Permission[];
};

/**
 * The roles of a member in one organization: those given, the built-in ones as the code has them and others as they are
 * stored, and the stored system role that all members have. Where that one is missing, members may do nothing; unknown
 * names are nothing.
 */
export function organizationRoles(
  organizationId: string,
  names: readonly string[],
  stored: readonly StoredRole[],
): Role[] {
  const roleOf = (name: string, org: readonly Permission[], member: readonly Permission[], site = NOTHING): Role => {
    return { name, site, user: NOTHING, within: { organizationId, org, member } };
  };
  return [
    ...stored
      .filter(({ name, isSystem }) => isSystem && name.toLowerCase() === MEMBER_ROLE)
      .map(({ name, org, member }) => roleOf(name, org, member)),
    ...names
      .filter(isOrganizationRole)
      .map((name) => roleOf(name, ORGANIZATION[name].org, NOTHING, ORGANIZATION[name].site)),
    // Whatever else is written in such a row, a role that people have made is one for the things of its organization.
    ...stored
      .filter(({ name, isSystem }) => !isSystem && names.includes(name) && !isNotCustom(name))
      .map(({ name, org }) => roleOf(name, org, NOTHING)),
  ];
}

/** What a built-in organization role grants. */
export function organizationRoleLevels(name: OrganizationRoleName): RoleLevels {
  return { ...ORGANIZATION[name], user: NOTHING, member: NOTHING };
}
