import { randomUUID } from "node:crypto";
import { COMMAND_LINE } from "../../src/audit/entry.ts";
import type { Context } from "../../src/context.ts";
import { addMember } from "../../src/organizations/store.ts";
import { type CreateWorkspaceInput, createWorkspace } from "../../src/workspaces/create.ts";
import { type GivenPool, givenUser } from "./given.ts";

/** A new user's way of asking for workspaces of a pool; what a test does not say is like any ordinary request. */
export async function asking(context: Context, pool: GivenPool) {
  const userId = await givenUser(context);
  await addMember(context.pool, { organizationId: pool.organizationId, userId });
  return (given: Partial<CreateWorkspaceInput> = {}) =>
    createWorkspace(context, {
      organizationId: pool.organizationId,
      ownerId: userId,
      initiatorId: userId,
      actor: COMMAND_LINE,
      name: `ws-${randomUUID().slice(0, 8)}`,
      templateId: pool.templateId,
      presetId: pool.presetId,
      parameters: [],
      automaticUpdates: "never",
      waitMs: 0,
      ...given,
    });
}
