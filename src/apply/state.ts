import type { TemplateLifecycle } from "../lifecycle/facts.ts";
import type { DescribedParameter } from "../templates/parameters.ts";

/** The rows that an apply reads and writes, with the names of the columns in camel case. */

export type OrganizationRow = {
  readonly id: string;
  readonly name: string;
  readonly displayName: string;
  readonly isDefault: boolean;
};

export type UserRow = {
  readonly id: string;
  readonly username: string;
  readonly email: string;
  readonly name: string;
  readonly roles: readonly string[];
  readonly isSystem: boolean;
};

export type MemberRow = {
  readonly organizationId: string;
  readonly userId: string;
  readonly roles: readonly string[];
};

export type TemplateRow = {
  readonly id: string;
  readonly organizationId: string;
  readonly name: string;
  readonly displayName: string;
  readonly description: string;
  readonly icon: string;
  readonly provisioner: "command" | "terraform";
  readonly deprecated: string;
  readonly lifecycle: TemplateLifecycle;
  readonly activeVersionId: string | null;
};

export type VersionRow = {
  readonly id: string;
  readonly templateId: string;
  readonly organizationId: string;
  readonly name: string;
  readonly fileHash: string;
};

export type PresetRow = {
  readonly id: string;
  readonly versionId: string;
  readonly name: string;
  readonly description: string;
  readonly icon: string;
  readonly isDefault: boolean;
  /** Null means that the preset takes no part in prebuilds. */
  readonly instances: number | null;
  readonly ttlSeconds: number;
  readonly timezone: string;
  readonly schedule: readonly { readonly cron: string; readonly instances: number }[];
};

/** A parameter that a version declares; `position` is its place among the version's others. */
export type DeclarationRow = DescribedParameter & { readonly versionId: string; readonly position: number };

/** A parameter of a preset. */
export type ParameterRow = { readonly presetId: string; readonly name: string; readonly value: string };

/** What the database holds of the things that a document names. */
export type State = {
  readonly organizations: readonly OrganizationRow[];
  readonly users: readonly UserRow[];
  readonly members: readonly MemberRow[];
  /** The roles that people have made, of those that the document names. */
  readonly customRoles: readonly { readonly organizationId: string; readonly name: string }[];
  readonly templates: readonly TemplateRow[];
  readonly versions: readonly (Pick<VersionRow, "id" | "templateId" | "name"> & { readonly archived: boolean })[];
  readonly presets: readonly PresetRow[];
};
