/** What somebody with whom a workspace is shared may do with it. */
export const SHARED_ROLES = ["use", "admin"] as const;
export type SharedRole = (typeof SHARED_ROLES)[number];

/** Whom a workspace is shared with: the role of each by the id of the user or group. */
export type AccessRoles = Readonly<Record<string, SharedRole>>;
