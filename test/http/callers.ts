/** Who calls: the site roles, and the roles in the default organization, of a user made for the call. */
export const CALLERS = {
  owner: { siteRoles: ["owner"] },
  "template-admin": { siteRoles: ["template-admin"] },
  auditor: { siteRoles: ["auditor"] },
  "user-admin": { siteRoles: ["user-admin"] },
  "organization-admin": { roles: ["organization-admin"] },
  "organization-template-admin": { roles: ["organization-template-admin"] },
  "organization-auditor": { roles: ["organization-auditor"] },
  "organization-user-admin": { roles: ["organization-user-admin"] },
  "organization-admin who may not create workspaces": {
    roles: ["organization-admin", "organization-workspace-creation-ban"],
  },
  member: {},
} as const;
