import { ProblemError } from "../errors.ts";
import { notAssignable } from "../rbac/assignable.ts";
import type { Subject } from "../rbac/decide.ts";
import { SITE_ROLES } from "../rbac/roles.ts";
import type { UserRow } from "./view.ts";

/** What decides whether a user may be changed. */
type Changeable = Pick<UserRow, "id" | "username" | "status" | "login_type" | "rbac_roles" | "is_system">;

/**
 * Why a user cannot be changed as wanted, whatever rights the subject has; undefined when it can.
 * - The system user stays as it is.
 * - Who may not give or take a role may not change its holder either: otherwise a user-admin could do without owners.
 * - Nobody shuts themselves out, and somebody can always run the deployment.
 * @param after null when the user is to be deleted
 * @param owners all who have the role `owner`
 */
export function changeProblem(
  subject: Subject,
  before: Changeable,
  after: Changeable | null,
  owners: readonly Changeable[],
): ProblemError | undefined {
  const isSelf = subject.userId === before.id;
  const problem =
    systemProblem(before) ??
    (isSelf ? undefined : holderProblem(subject, before)) ??
    assignmentProblem(subject, before.rbac_roles, after?.rbac_roles ?? before.rbac_roles);
  if (problem) return problem;
  const harm = isSelf ? harmTo(before, after) : undefined;
  if (harm !== undefined) return new ProblemError("conflict", `you cannot ${harm}; ask somebody else who may do it`);
  const ends = isActiveOwner(before) && !(after && isActiveOwner(after));
  if (ends && !owners.some((one) => one.id !== before.id && isActiveOwner(one))) {
    return new ProblemError(
      "conflict",
      `${before.username} is the last active owner of the deployment; make somebody else an owner first`,
    );
  }
  return undefined;
}

/** Why nothing about the user can be changed, if it is a system user. */
export function systemProblem({ username, is_system }: Pick<Changeable, "username" | "is_system">) {
  if (!is_system) return undefined;
  return new ProblemError(
    "forbidden",
    `${username} is a system user: nobody can change it, delete it, give it roles or act as it`,
  );
}

/** Why the subject may do nothing to the user, if that holds a role that is not the subject's to give or take. */
function holderProblem(subject: Subject, { username, rbac_roles }: Pick<Changeable, "username" | "rbac_roles">) {
  const beyond = beyondReach(subject, rbac_roles);
  if (beyond.length === 0) return undefined;
  const roles = rolesInWords(beyond);
  return new ProblemError("forbidden", `${username} has ${roles}; only who may give and take that may do this`);
}

/** Why the subject may not turn one list of site roles into the other; undefined when it may. */
export function assignmentProblem(
  subject: Subject,
  before: readonly string[],
  after: readonly string[],
): ProblemError | undefined {
  const { given, taken } = changesBetween(before, after);
  const beyond = beyondReach(subject, [...given, ...taken]);
  if (beyond.length === 0) return undefined;
  return new ProblemError("forbidden", `you may neither give nor take ${rolesInWords(beyond)}`);
}

/** Names that no role has any more grant nothing, so they are anybody's to take. */
function beyondReach(subject: Subject, names: readonly string[]): string[] {
  const known: readonly string[] = SITE_ROLES;
  return notAssignable(
    subject,
    names.filter((name) => known.includes(name)),
  );
}

/** Which roles are given and which are taken when one list becomes the other. */
export function changesBetween(
  before: readonly string[],
  after: readonly string[],
): { readonly given: readonly string[]; readonly taken: readonly string[] } {
  return {
    given: after.filter((role) => !before.includes(role)),
    taken: before.filter((role) => !after.includes(role)),
  };
}

/** What would shut a user out, or leave it with less than it had. */
function harmTo(before: Changeable, after: Changeable | null): string | undefined {
  if (after === null) return "delete yourself";
  if (after.status !== before.status && after.status === "suspended") return "suspend yourself";
  if (after.status !== before.status && after.status === "dormant") return "make yourself dormant";
  if (after.login_type !== before.login_type && after.login_type === "none") return "set your own login type to none";
  const { taken } = changesBetween(before.rbac_roles, after.rbac_roles);
  return taken.length > 0 ? `take ${rolesInWords(taken)} from yourself` : undefined;
}

function isActiveOwner({ status, login_type, rbac_roles }: Changeable): boolean {
  return status === "active" && login_type !== "none" && rbac_roles.includes("owner");
}

function rolesInWords(names: readonly string[]): string {
  return `the ${names.length === 1 ? "role" : "roles"} ${names.join(", ")}`;
}
