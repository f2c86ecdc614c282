import { ProblemError } from "../errors.ts";
import { isUuid } from "../uuid.ts";
import type { BuildView, WorkspaceView } from "../workspaces/schema.ts";
import type { Client } from "./client.ts";

/** How a person says which workspace is meant; for the help of commands. */
export const WHICH_WORKSPACE = "its id, its name, or owner/name";

/** Finds a workspace by its id, by the caller's own name for it, or by owner/name. */
export function findWorkspace(client: Client, reference: string): Promise<WorkspaceView> {
  if (isUuid(reference)) return client.get(`/workspaces/${reference}`);
  const slash = reference.indexOf("/");
  const owner = slash < 0 ? "me" : reference.slice(0, slash);
  return client.get(`/users/${encodeURIComponent(owner)}/workspace/${encodeURIComponent(reference.slice(slash + 1))}`);
}

/** What a person knows a workspace by. */
export const titleOf = (workspace: Pick<WorkspaceView, "owner_name" | "name">): string =>
  `${workspace.owner_name}/${workspace.name}`;

/** The build of a workspace that tells how it is. */
export function latestBuild(workspace: WorkspaceView): BuildView {
  if (workspace.latest_build) return workspace.latest_build;
  throw new ProblemError("not_found", `${titleOf(workspace)} has not been built yet`);
}
