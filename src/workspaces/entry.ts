import type { AuditEntry, Difference } from "../audit/entry.ts";

/** What the audit log says of a workspace that was changed. */
export function workspaceEntry(
  workspace: {
    readonly id: string;
    readonly name: string;
    readonly owner_name: string;
    readonly organization_id: string;
  },
  diff: Difference,
): AuditEntry {
  return {
    action: "write",
    type: "workspace",
    id: workspace.id,
    target: `${workspace.owner_name}/${workspace.name}`,
    organizationId: workspace.organization_id,
    diff,
  };
}
