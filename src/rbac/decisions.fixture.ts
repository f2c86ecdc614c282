import { can, type Resource, type Role, type Subject } from "./decide.ts";
import type { Action } from "./policy.ts";
import { readScope } from "./scope.ts";
import { ME, ORG, SOMEONE, subjectWith } from "./subject.fixture.ts";

export const WORKSPACE = "10000000-0000-4000-8000-000000000001";
/** A workspace of the subject's in the first organization, one of somebody else's, and one in no organization. */
export const mine: Resource = { type: "workspace", id: WORKSPACE, organizationId: ORG, ownerId: ME };
export const theirs: Resource = { ...mine, ownerId: SOMEONE };
export const outside: Resource = { type: "workspace", id: WORKSPACE, ownerId: ME };

/** A question and its answer. */
export type Case = {
  readonly name: string;
  readonly roles: readonly Role[];
  readonly action: Action;
  readonly on: Resource;
  readonly allowed: boolean;
  /** What sets the subject apart from the one that most tests are about. */
  readonly subject?: Partial<Subject>;
};

/** What the engine says to a question. */
export function decide({ roles, action, on, subject }: Case): boolean {
  return can(subjectWith(roles, subject), action, on);
}

/** The limits of a token. */
export function scoped(scopes: readonly string[], allowList: readonly string[] = ["*:*"]): Partial<Subject> {
  return { scope: readScope({ scopes, allowList }) };
}
