import type { Role } from "./decide.ts";
import { DORMANT_ACTIONS, everythingBut, orgMemberPermissions } from "./organization-member.ts";
import { allow, deny, type Permission } from "./permission.ts";
import { ANY, POLICY } from "./policy.ts";

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

/** The roles of a user for the whole deployment: `member`, which all have, and those given. Unknown names are nothing. */
export function siteRoles(names: readonly string[]): Role[] {
  return [MEMBER, ...names.filter(isSiteRole).map((name) => ({ name, site: SITE[name], user: NOTHING }))];
}

/** The roles of a member in one organization: what all members have, and those given. Unknown names are nothing. */
export function organizationRoles(organizationId: string, names: readonly string[]): Role[] {
  const { org, member } = orgMemberPermissions(false);
  const all: Role = {
    name: "organization-member",
    site: NOTHING,
    user: NOTHING,
    within: { organizationId, org, member },
  };
  const given = names.filter(isOrganizationRole).map((name) => ({
    name,
    site: ORGANIZATION[name].site,
    user: NOTHING,
    within: { organizationId, org: ORGANIZATION[name].org, member: NOTHING },
  }));
  return [all, ...given];
}
