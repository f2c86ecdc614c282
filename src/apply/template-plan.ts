import type { Validation } from "../errors.ts";
import type { TemplateLifecycle } from "../lifecycle/facts.ts";
import { NEW_TEMPLATE_LIFECYCLE } from "../templates/lifecycle-settings.ts";
import {
  type AppliedObject,
  changedSettings,
  changeOf,
  type PlanOptions,
  unknownOrganization,
  type Writes,
} from "./changes.ts";
import type { ApplyDocument, ApplyPreset, ApplyTemplate } from "./document.ts";
import { changedLifecycle, lifecycleProblem, wantedLifecycle } from "./lifecycle-fields.ts";
import { describedParameter } from "./parameter-fields.ts";
import type {
  DeclarationRow,
  OrganizationRow,
  ParameterRow,
  PresetRow,
  State,
  TemplateRow,
  VersionRow,
} from "./state.ts";

/** The rows of templates, their versions and their presets that have to be written. */
export type TemplateWrites = {
  readonly templates: Writes<TemplateRow>;
  readonly versions: readonly VersionRow[];
  /** What the new versions declare. */
  readonly declarations: readonly DeclarationRow[];
  readonly presets: Writes<PresetRow>;
  /** The presets whose schedule is to be written anew. */
  readonly schedules: readonly PresetRow[];
  readonly parameters: readonly ParameterRow[];
};

type Planned = {
  templates: { insert: TemplateRow[]; update: TemplateRow[] };
  versions: VersionRow[];
  declarations: DeclarationRow[];
  presets: { insert: PresetRow[]; update: PresetRow[] };
  schedules: PresetRow[];
  parameters: ParameterRow[];
};

/** Decides what to write for the document's templates. */
export function planTemplates(
  document: ApplyDocument,
  state: State,
  find: (organization: string) => OrganizationRow | undefined,
  options: PlanOptions,
): { writes: TemplateWrites; objects: AppliedObject[]; problems: Validation[] } {
  const writes: Planned = {
    templates: { insert: [], update: [] },
    versions: [],
    declarations: [],
    presets: { insert: [], update: [] },
    schedules: [],
    parameters: [],
  };
  const objects: AppliedObject[] = [];
  const problems: Validation[] = [];
  for (const [index, given] of document.templates.entries()) {
    const organization = find(given.organization);
    const versionName = options.versionNames[index];
    if (organization === undefined || versionName === undefined) {
      problems.push({ field: `templates[${index}].organization`, detail: unknownOrganization(given.organization) });
      continue;
    }
    const current = state.templates.find(
      (row) => row.organizationId === organization.id && row.name.toLowerCase() === given.name.toLowerCase(),
    );
    if (current !== undefined && current.provisioner !== given.provisioner) {
      problems.push({
        field: `templates[${index}].provisioner`,
        detail: `template ${current.name} is built by ${current.provisioner}, which cannot change; give the new one another name`,
      });
      continue;
    }
    const lifecycle = wantedLifecycle(given, current?.lifecycle ?? NEW_TEMPLATE_LIFECYCLE);
    const contradiction = lifecycleProblem(lifecycle);
    if (contradiction !== undefined) {
      const key = given.default_ttl === undefined ? "max_ttl" : "default_ttl";
      problems.push({ field: `templates[${index}].${key}`, detail: contradiction });
      continue;
    }
    const planned = { given, current, lifecycle, organization, versionName, state, writes, newId: options.newId };
    objects.push(...planTemplate(planned));
  }
  return { writes, objects, problems };
}

function planTemplate(input: {
  given: ApplyTemplate;
  current: TemplateRow | undefined;
  lifecycle: TemplateLifecycle;
  organization: OrganizationRow;
  versionName: string;
  state: State;
  writes: Planned;
  newId: () => string;
}): AppliedObject[] {
  const { given, current, lifecycle, organization, versionName, state, writes, newId } = input;
  const templateId = current?.id ?? newId();
  const title = `${organization.name}/${current?.name ?? given.name}`;

  const knownVersion = state.versions.find((row) => row.templateId === templateId && row.name === versionName);
  const versionId = knownVersion?.id ?? newId();
  if (knownVersion === undefined) {
    const fileHash = given.source.hash;
    writes.versions.push({ id: versionId, templateId, organizationId: organization.id, name: versionName, fileHash });
    const declared = given.parameters.map(describedParameter);
    writes.declarations.push(...declared.map((parameter, position) => ({ ...parameter, versionId, position })));
  }

  const wanted: TemplateRow = {
    id: templateId,
    organizationId: organization.id,
    name: current?.name ?? given.name,
    displayName: given.display_name,
    description: given.description,
    icon: given.icon,
    provisioner: given.provisioner,
    deprecated: given.deprecated,
    lifecycle,
    activeVersionId: versionId,
  };
  const settings = current === undefined ? [] : templateSettings(current, wanted);
  if (current === undefined) writes.templates.insert.push(wanted);
  else if (settings.length > 0) writes.templates.update.push(wanted);

  const presets = given.presets.map((preset): AppliedObject => {
    const there = state.presets.find((row) => row.versionId === versionId && row.name === preset.name);
    return { kind: "preset", name: `${title}: ${preset.name}`, ...planPreset(preset, there, versionId, writes, newId) };
  });
  const known = knownVersion === undefined ? "created" : "unchanged";
  return [
    {
      kind: "template",
      id: templateId,
      name: title,
      ...(current === undefined ? { change: "created", settings: [] } : changeOf(settings)),
    },
    { kind: "template_version", id: versionId, name: `${title}@${versionName}`, change: known, settings: [] },
    ...presets,
  ];
}

function templateSettings(current: TemplateRow, wanted: TemplateRow): string[] {
  return [
    ...changedSettings([
      ["display_name", current.displayName, wanted.displayName],
      ["description", current.description, wanted.description],
      ["icon", current.icon, wanted.icon],
      ["deprecated", current.deprecated, wanted.deprecated],
    ]),
    ...changedLifecycle(current.lifecycle, wanted.lifecycle),
    ...changedSettings([["active_version", current.activeVersionId, wanted.activeVersionId]]),
  ];
}

function planPreset(
  given: ApplyPreset,
  current: PresetRow | undefined,
  versionId: string,
  writes: Planned,
  newId: () => string,
): Pick<AppliedObject, "id" | "change" | "settings"> {
  const scheduling = given.prebuilds?.scheduling;
  const wanted: PresetRow = {
    id: current?.id ?? newId(),
    versionId,
    name: given.name,
    description: given.description,
    icon: given.icon,
    isDefault: given.default,
    instances: given.prebuilds?.instances ?? null,
    ttlSeconds: given.prebuilds?.expiration_policy?.ttl ?? 0,
    timezone: scheduling?.timezone ?? "",
    schedule: scheduling?.schedule ?? [],
  };
  if (current === undefined) {
    writes.presets.insert.push(wanted);
    if (wanted.schedule.length > 0) writes.schedules.push(wanted);
    const parameters = Object.entries(given.parameters);
    writes.parameters.push(...parameters.map(([name, value]) => ({ presetId: wanted.id, name, value })));
    return { id: wanted.id, change: "created", settings: [] };
  }
  const columns = changedSettings([
    ["description", current.description, wanted.description],
    ["icon", current.icon, wanted.icon],
    ["default", current.isDefault, wanted.isDefault],
    ["instances", current.instances, wanted.instances],
    ["expiration_policy", current.ttlSeconds, wanted.ttlSeconds],
    ["timezone", current.timezone, wanted.timezone],
  ]);
  const schedule = changedSettings([["schedule", current.schedule, wanted.schedule]]);
  if (columns.length > 0) writes.presets.update.push(wanted);
  if (schedule.length > 0) writes.schedules.push(wanted);
  return { id: wanted.id, ...changeOf([...columns, ...schedule]) };
}
