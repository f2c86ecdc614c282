import type { AuditEntry } from "../audit/entry.ts";
import { difference } from "../audit/entry.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../system-user.ts";
import { type BuildReason, type JobStatus, type Transition, UNDER_WAY } from "../vocabulary.ts";
import type { Parameter } from "./preset-match.ts";

/** What is asked for with a build, beside its transition. */
export type AskedBuild = {
  readonly transition: Transition;
  /** Only of a delete: the workspace goes without its template's delete being run; what there is of it stays. */
  readonly orphan?: boolean | undefined;
  /** What the build goes by in place of what the builds before it have left. */
  readonly state?: Buffer | undefined;
  /** Only of a start: the version to build; else the latest build's, or the active one where that is wanted always. */
  readonly versionId?: string | undefined;
  /** Only of a start: what is to differ from the latest build. */
  readonly parameters?: readonly Parameter[] | undefined;
};

/** A workspace, as far as it decides whether and from what it is built. */
type BuiltWorkspace = {
  readonly owner_id: string;
  readonly automatic_updates: "always" | "never";
  /** The template's workspaces are started from its active version only. */
  readonly require_active_version: boolean;
  readonly active_version_id: string | null;
  readonly latest_version_id: string;
  readonly latest_job_status: JobStatus | null;
  readonly claim_unfinished: boolean;
};

/** Why a workspace cannot have this build now, in a sentence; undefined when it can. */
export function buildConflict(workspace: BuiltWorkspace, asked: AskedBuild): string | undefined {
  if (workspace.latest_job_status && UNDER_WAY.includes(workspace.latest_job_status)) {
    return "another build of this workspace is under way; wait for it or cancel it";
  }
  if (workspace.claim_unfinished) {
    return "this workspace has just been claimed and its claim build is still to come; try again in a moment";
  }
  const differs = asked.versionId !== undefined || (asked.parameters ?? []).length > 0;
  if (workspace.owner_id === PREBUILDS_SYSTEM_USER_ID && differs) {
    return "a prebuild has the version and the parameters of its pool; claim it first, or change the pool's template";
  }
  return undefined;
}

/** The version that a workspace is built from next. */
export function nextVersion(workspace: BuiltWorkspace, asked: AskedBuild): string {
  if (asked.transition !== "start") return workspace.latest_version_id;
  // A prebuild is of its pool's version: another version is another pool.
  const isPrebuild = workspace.owner_id === PREBUILDS_SYSTEM_USER_ID;
  const updates = !isPrebuild && (workspace.automatic_updates === "always" || workspace.require_active_version);
  const active = updates ? workspace.active_version_id : null;
  return asked.versionId ?? active ?? workspace.latest_version_id;
}

/** The entry of the audit log about a build that is asked for. It names what differs, without the values. */
export function buildEntry(
  workspace: BuiltWorkspace & {
    readonly name: string;
    readonly owner_name: string;
    readonly organization_id: string;
    readonly latest_build_number: number;
  },
  asked: AskedBuild & { readonly buildId: string; readonly reason?: BuildReason | undefined },
): AuditEntry {
  const { latest_build_number: number, latest_version_id } = workspace;
  const parameters = (asked.parameters ?? []).map(({ name }) => name);
  const before = { build_number: number, template_version_id: latest_version_id };
  const after = {
    build_number: number + 1,
    template_version_id: nextVersion(workspace, asked),
    ...(asked.reason ? { reason: asked.reason } : {}),
    ...(asked.orphan ? { orphan: true } : {}),
    ...(asked.state ? { state: "given" } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
  };
  return {
    action: asked.transition,
    type: "workspace_build",
    id: asked.buildId,
    target: `${workspace.owner_name}/${workspace.name}`,
    organizationId: workspace.organization_id,
    diff: difference(before, after),
  };
}
