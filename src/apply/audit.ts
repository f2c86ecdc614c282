import { type AuditAction, type AuditEntry, difference } from "../audit/entry.ts";
import { poolName } from "../prebuilds/name.ts";
import { lifecycleView } from "../templates/lifecycle-settings.ts";
import type { Writes } from "./changes.ts";
import type { ApplyPlan } from "./plan.ts";
import type {
  MemberRow,
  OrganizationRow,
  ParameterRow,
  PresetRow,
  State,
  TemplateRow,
  UserRow,
  VersionRow,
} from "./state.ts";

/** What the audit log says of an apply: one entry for each object that it makes or changes. */
export function auditEntriesOf(state: State, plan: ApplyPlan): AuditEntry[] {
  const usernames = new Map([...state.users, ...plan.users.insert].map(({ id, username }) => [id, username]));
  const templates = new Map([...state.templates, ...plan.templates.insert].map((row) => [row.id, row]));
  const versions = new Map([...state.versions, ...plan.versions].map((row) => [row.id, templates.get(row.templateId)]));
  const parameters = Map.groupBy(plan.parameters, ({ presetId }) => presetId);
  // A preset of which only the schedule changes is not among those to be updated.
  const { insert, update } = plan.presets;
  const rescheduled = plan.schedules.filter((row) => ![...insert, ...update].includes(row));
  const presets = { insert, update: [...update, ...rescheduled] };
  // A version that becomes the active one leaves the archive.
  const active = new Set(plan.templates.update.map(({ activeVersionId }) => activeVersionId));
  const restored = state.versions.filter(({ id, archived }) => archived && active.has(id));
  return [
    ...entriesOf(plan.organizations, state.organizations, describeOrganization),
    ...entriesOf(plan.users, state.users, describeUser),
    ...entriesOf(plan.members, state.members, (row) => describeMember(row, usernames.get(row.userId))),
    ...entriesOf(plan.templates, state.templates, describeTemplate),
    ...plan.versions.map(({ id, name, templateId, fileHash }) => {
      const fields = { name, template_id: templateId, source_hash: fileHash };
      return entryOf("create", undefined, describeVersion({ id, name }, templates.get(templateId), fields));
    }),
    ...restored.map(({ id, name, templateId }) => {
      const described = (archived: boolean) => describeVersion({ id, name }, templates.get(templateId), { archived });
      return entryOf("write", described(true), described(false));
    }),
    ...entriesOf(presets, state.presets, (row) =>
      describePreset(row, versions.get(row.versionId), parameters.get(row.id) ?? []),
    ),
  ];
}

/** What an entry says of an object, whatever is done to it. */
type Described = Omit<AuditEntry, "action" | "diff"> & { readonly fields: Readonly<Record<string, unknown>> };

function entriesOf<T>(
  { insert, update }: Writes<T>,
  before: readonly T[],
  describe: (row: T) => Described,
): AuditEntry[] {
  const known = before.map(describe);
  const isSame = (one: Described, other: Described) =>
    one.id === other.id && one.organizationId === other.organizationId;
  return [
    ...insert.map((row) => entryOf("create", undefined, describe(row))),
    ...update.map(describe).map((after) =>
      entryOf(
        "write",
        known.find((one) => isSame(one, after)),
        after,
      ),
    ),
  ];
}

function entryOf(action: AuditAction, before: Described | undefined, after: Described): AuditEntry {
  const { fields, ...rest } = after;
  return { ...rest, action, diff: difference(before?.fields ?? null, fields) };
}

function describeOrganization({ id, name, displayName, isDefault }: OrganizationRow): Described {
  const fields = { name, display_name: displayName, is_default: isDefault };
  return { type: "organization", id, target: name, organizationId: id, fields };
}

function describeUser({ id, username, email, name, roles }: UserRow): Described {
  return { type: "user", id, target: username, organizationId: null, fields: { username, email, name, roles } };
}

function describeTemplate(row: TemplateRow): Described {
  const fields = {
    name: row.name,
    display_name: row.displayName,
    description: row.description,
    icon: row.icon,
    provisioner: row.provisioner,
    deprecation_message: row.deprecated,
    ...lifecycleView(row.lifecycle),
    active_version_id: row.activeVersionId,
  };
  return { type: "template", id: row.id, target: row.name, organizationId: row.organizationId, fields };
}

function describeMember({ organizationId, userId, roles }: MemberRow, username = ""): Described {
  return { type: "organization_member", id: userId, target: username, organizationId, fields: { username, roles } };
}

function describeVersion(
  { id, name }: Pick<VersionRow, "id" | "name">,
  template: TemplateRow | undefined,
  fields: Described["fields"],
): Described {
  const { name: templateName, organizationId = null } = template ?? {};
  return { type: "template_version", id, target: `${templateName}@${name}`, organizationId, fields };
}

/** @param parameters those of a new preset; they never change */
function describePreset(
  row: PresetRow,
  template: TemplateRow | undefined,
  parameters: readonly ParameterRow[],
): Described {
  const fields = {
    name: row.name,
    description: row.description,
    icon: row.icon,
    default: row.isDefault,
    desired_prebuild_instances: row.instances,
    ttl_seconds: row.ttlSeconds,
    timezone: row.timezone,
    schedule: row.schedule,
    parameters: parameters.map(({ name, value }) => ({ name, value })),
  };
  const target = poolName({ templateName: template?.name ?? "", presetName: row.name });
  return { type: "preset", id: row.id, target, organizationId: template?.organizationId ?? null, fields };
}
