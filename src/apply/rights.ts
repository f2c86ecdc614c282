import type { Action, ResourceType } from "../rbac/policy.ts";
import type { ApplyDocument } from "./document.ts";

type Right = readonly [action: Action, type: ResourceType];

const ORGANIZATIONS: readonly Right[] = [
  ["create", "organization"],
  ["update", "organization"],
];
const USERS: readonly Right[] = [
  ["create", "user"],
  ["update", "user"],
  ["assign", "assign_role"],
  ["unassign", "assign_role"],
  ["create", "organization_member"],
  ["update", "organization_member"],
  ["assign", "assign_org_role"],
  ["unassign", "assign_org_role"],
];
const TEMPLATES: readonly Right[] = [
  ["create", "file"],
  ["create", "template"],
  ["update", "template"],
];

/**
 * What one must be allowed to do in the whole deployment to apply a document, beside applying itself: what its parts
 * come to when they are made one by one. So a token that is limited to templates cannot make its holder an owner.
 */
export function rightsFor({ organizations, users, templates }: ApplyDocument): readonly Right[] {
  return [
    ...(organizations.length > 0 ? ORGANIZATIONS : []),
    ...(users.length > 0 ? USERS : []),
    ...(templates.length > 0 ? TEMPLATES : []),
  ];
}
