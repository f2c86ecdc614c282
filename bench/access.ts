import { can, type Resource } from "../src/rbac/decide.ts";
import { type Action, POLICY, RESOURCE_TYPES } from "../src/rbac/policy.ts";
import type { StoredRole } from "../src/rbac/roles.ts";
import { UNLIMITED } from "../src/rbac/scope.ts";
import { type StoredSubject, subjectFrom } from "../src/rbac/subject.ts";
import { MEMBER_ROLE, systemRolePermissions } from "../src/rbac/system-roles.ts";
import { interleave, ratioOf, spreadOf } from "./measure.ts";
import { type Row, type Table, target } from "./report.ts";

const TARGET_US = 20;

const MEMBER: StoredRole = { name: MEMBER_ROLE, isSystem: true, ...systemRolePermissions(MEMBER_ROLE, false) };

/** A user with seven roles of its own; with those that all have, they are ten. */
const STORED: StoredSubject = {
  userId: "me",
  username: "me",
  siteRoles: ["auditor", "user-admin"],
  memberships: [
    {
      id: "first",
      name: "first",
      isDefault: true,
      roles: ["organization-auditor", "organization-user-admin", "organization-template-admin"],
      stored: [MEMBER],
    },
    {
      id: "second",
      name: "second",
      isDefault: false,
      roles: ["organization-auditor", "organization-workspace-creation-ban"],
      stored: [MEMBER],
    },
  ],
  groupIds: [],
  scope: UNLIMITED,
};

type Question = { readonly action: Action; readonly resource: Resource; readonly key: string };

/** Everything that can be done to a thing of each type: in both organizations, in another and in none; own and others'. */
function everyQuestion(): Question[] {
  const places = ["first", "second", "third", undefined].flatMap((organizationId) =>
    ["me", "other"].map((ownerId) => ({ ownerId, ...(organizationId === undefined ? {} : { organizationId }) })),
  );
  return RESOURCE_TYPES.flatMap((type) => {
    const actions: readonly Action[] = POLICY[type];
    return actions.flatMap((action) =>
      places.map((place) => ({
        action,
        resource: { type, id: "thing", ...place },
        key: [type, action, place.organizationId, place.ownerId].join(" "),
      })),
    );
  });
}

/** What a decision about access costs a subject with ten roles, over all that can be asked. */
export async function benchAccess(options: { rounds: number; repetitions: number }): Promise<Table> {
  const subject = subjectFrom(STORED, false);
  const questions = everyQuestion();
  const answers = new Map(questions.map(({ action, resource, key }) => [key, can(subject, action, resource)]));
  const allowed = [...answers.values()].filter(Boolean).length;
  const micros = async (answer: (question: Question) => boolean | undefined): Promise<number> => {
    const startedAt = performance.now();
    let counted = 0;
    for (let repetition = 0; repetition < options.repetitions; repetition += 1) {
      for (const question of questions) if (answer(question)) counted += 1;
    }
    const ms = performance.now() - startedAt;
    // The answers are looked at, or else the work might be left out.
    if (counted !== allowed * options.repetitions) throw new Error("the answers differ from those given before");
    return (ms * 1_000) / (options.repetitions * questions.length);
  };
  const measured = await interleave(options.rounds, {
    baseline: () =>
      micros(({ action, resource: { type, organizationId, ownerId } }) =>
        answers.get([type, action, organizationId, ownerId].join(" ")),
      ),
    decision: () => micros(({ action, resource }) => can(subject, action, resource)),
    request: () => micros(({ action, resource }) => can(subjectFrom(STORED, false), action, resource)),
  });
  const row = (name: string, values: number[], details: string): Row => {
    const value = spreadOf(values);
    const ratio = ratioOf(values, measured.baseline);
    return { name, unit: "µs", value, ratio, details, target: target("µs", value.median, { most: TARGET_US }) };
  };
  const share = Math.round((allowed * 100) / questions.length);
  return {
    subject: "access",
    title: `A decision about access with ${subject.roles.length} roles`,
    baseline: "one look-up of the answer by a joined key",
    rows: [
      { name: "look-up", unit: "µs", value: spreadOf(measured.baseline) },
      row("decision", measured.decision, `${questions.length} different questions, ${share} % of them allowed`),
      row("first decision", measured.request, "with the subject made from what is stored, as in a request"),
    ],
  };
}
