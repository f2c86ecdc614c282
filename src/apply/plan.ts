import type { Validation } from "../errors.ts";
import { roleNames, storedRoles, unknownRoles } from "../organizations/role-change.ts";
import {
  type AppliedObject,
  changedSettings,
  changeOf,
  type PlanOptions,
  unknownOrganization,
  type Writes,
} from "./changes.ts";
import type { ApplyDocument } from "./document.ts";
import type { MemberRow, OrganizationRow, State, UserRow } from "./state.ts";
import { planTemplates, type TemplateWrites } from "./template-plan.ts";

/** Everything that has to be written to make the database say what the document says. */
export type ApplyPlan = TemplateWrites & {
  readonly organizations: Writes<OrganizationRow>;
  readonly users: Writes<UserRow>;
  readonly members: Writes<MemberRow>;
  readonly objects: readonly AppliedObject[];
  /** Why the document cannot be applied to this database; nothing may be written if there is any. */
  readonly problems: readonly Validation[];
};

/**
 * Decides what to write. What the document does not name is left alone; a template or preset that it names becomes
 * exactly what it says, and of organizations and users the settings that it leaves out stay as they are.
 */
export function planApply(document: ApplyDocument, state: State, options: PlanOptions): ApplyPlan {
  const organizations = planOrganizations(document, state, options);
  const users = planUsers(document, state, options);
  const find = (name: string) => findOrganization(organizations.rows, name);
  const members = planMembers(document, state, users.rows, find);
  const templates = planTemplates(document, state, find, options);
  return {
    ...templates.writes,
    organizations,
    users,
    members,
    objects: [...organizations.objects, ...users.objects, ...members.objects, ...templates.objects],
    problems: [...users.problems, ...members.problems, ...templates.problems],
  };
}

function planOrganizations(document: ApplyDocument, state: State, { newId }: PlanOptions) {
  const rows = [...state.organizations];
  const insert: OrganizationRow[] = [];
  const update: OrganizationRow[] = [];
  const objects = document.organizations.map((given): AppliedObject => {
    const current = findOrganization(rows, given.name);
    if (current === undefined) {
      const isDefault = given.name.toLowerCase() === "default" && !rows.some((row) => row.isDefault);
      const row = { id: newId(), name: given.name, displayName: given.display_name ?? "", isDefault };
      insert.push(row);
      rows.push(row);
      return { kind: "organization", id: row.id, name: row.name, change: "created", settings: [] };
    }
    const settings = changedSettings([["display_name", current.displayName, given.display_name]]);
    if (settings.length > 0) update.push({ ...current, displayName: given.display_name ?? current.displayName });
    return { kind: "organization", id: current.id, name: current.name, ...changeOf(settings) };
  });
  return { rows, insert, update, objects };
}

function planUsers(document: ApplyDocument, state: State, { newId }: PlanOptions) {
  const rows: UserRow[] = [];
  const insert: UserRow[] = [];
  const update: UserRow[] = [];
  const problems: Validation[] = [];
  const objects: AppliedObject[] = [];
  for (const [index, given] of document.users.entries()) {
    const current = state.users.find((row) => same(row.username, given.username));
    const holder = state.users.find((row) => same(row.email, given.email) && row.id !== current?.id);
    if (holder !== undefined) {
      problems.push({ field: `users[${index}].email`, detail: `is the address of user ${holder.username}` });
    }
    if (current?.isSystem) {
      problems.push({ field: `users[${index}].username`, detail: "is a system account, which nobody may change" });
    }
    const wanted: UserRow = {
      id: current?.id ?? newId(),
      username: current?.username ?? given.username,
      email: given.email,
      name: given.name ?? current?.name ?? "",
      roles: given.roles ?? current?.roles ?? [],
      isSystem: false,
    };
    rows.push(wanted);
    if (current === undefined) {
      insert.push(wanted);
      objects.push({ kind: "user", id: wanted.id, name: wanted.username, change: "created", settings: [] });
      continue;
    }
    const settings = changedSettings([
      ["email", current.email, wanted.email],
      ["name", current.name, wanted.name],
      ["roles", [...current.roles].sort(), [...wanted.roles].sort()],
    ]);
    if (settings.length > 0) update.push(wanted);
    objects.push({ kind: "user", id: wanted.id, name: wanted.username, ...changeOf(settings) });
  }
  return { rows, insert, update, objects, problems };
}

function planMembers(
  document: ApplyDocument,
  state: State,
  users: readonly UserRow[],
  find: (name: string) => OrganizationRow | undefined,
) {
  const insert: MemberRow[] = [];
  const update: MemberRow[] = [];
  const problems: Validation[] = [];
  const objects: AppliedObject[] = [];
  const isNew = (user: UserRow) => !state.users.some((row) => row.id === user.id);
  for (const [index, given] of document.users.entries()) {
    const user = users[index];
    if (user === undefined) continue;
    // Somebody who is in no organization can do nothing, so a new user of whom nothing is said joins the default one.
    const memberships = given.organizations ?? (isNew(user) && find("default") ? [{ name: "default", roles: [] }] : []);
    for (const [position, membership] of memberships.entries()) {
      const organization = find(membership.name);
      if (organization === undefined) {
        const field = `users[${index}].organizations[${position}].name`;
        problems.push({ field, detail: unknownOrganization(membership.name) });
        continue;
      }
      const current = state.members.find((row) => row.userId === user.id && row.organizationId === organization.id);
      const custom = state.customRoles.flatMap((row) => (row.organizationId === organization.id ? [row.name] : []));
      const fieldOf = (place: number) => `users[${index}].organizations[${position}].roles[${place}]`;
      const named = roleNames(membership.roles ?? [], custom);
      problems.push(...unknownRoles(named, custom, fieldOf));
      const roles = membership.roles ? storedRoles(named) : (current?.roles ?? []);
      const row = { organizationId: organization.id, userId: user.id, roles };
      const settings = changedSettings([["roles", [...(current?.roles ?? roles)].sort(), [...roles].sort()]]);
      if (current === undefined) insert.push(row);
      else if (settings.length > 0) update.push(row);
      objects.push({
        kind: "member",
        id: user.id,
        name: `${user.username} in ${organization.name}`,
        ...(current === undefined ? { change: "created", settings: [] } : changeOf(settings)),
      });
    }
  }
  return { insert, update, objects, problems };
}

/** The organization of that name; `default` always means the default organization, whatever it is called. */
function findOrganization(rows: readonly OrganizationRow[], name: string): OrganizationRow | undefined {
  const named = rows.find((row) => same(row.name, name));
  return same(name, "default") ? (rows.find((row) => row.isDefault) ?? named) : named;
}

function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
