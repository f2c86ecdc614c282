import type { GroupView } from "../organizations/group-view.ts";

/** What a group is called where there may be others of its name. */
export const titleOf = ({ organization_name, name }: GroupView): string => `${organization_name}/${name}`;

/** The path of an organization's groups. */
export const groupsOf = (organization = "default"): string =>
  `/organizations/${encodeURIComponent(organization)}/groups`;
