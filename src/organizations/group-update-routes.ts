import { z } from "zod";
import { type Difference, difference } from "../audit/entry.ts";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { ProblemError, type Validation } from "../errors.ts";
import type { App } from "../http/app.ts";
import { audit, auditDone } from "../http/audit.ts";
import { notFound, targetIdOf } from "../http/authorize.ts";
import { displayNameField, nameField, quotaField, textField, withChanges } from "./fields.ts";
import { addGroupMembers, holdEligible, type Mover, removeGroupMembers } from "./group-member-store.ts";
import { answerGroup, groupInPath, groupParams, refuseReserved } from "./group-routes.ts";
import { lockGroup, updateGroup } from "./group-store.ts";
import { type GroupRow, groupEntry, groupFields, groupSchema, isEveryone } from "./group-view.ts";

const MAX_MOVERS = 1_000;

const userIds = z
  .array(z.guid({ error: "must be the id of a user" }), { error: "must be a list of the ids of users" })
  .max(MAX_MOVERS, { error: `must have at most ${MAX_MOVERS} entries` });

const body = z
  .strictObject({
    name: nameField,
    display_name: displayNameField,
    avatar_url: textField(2_048),
    quota_allowance: quotaField,
    add_users: userIds,
    remove_users: userIds,
  })
  .partial();

/** Adds the route that changes a group and who is in it. */
export function registerGroupUpdateRoutes(app: App, context: Context): void {
  app.patch(
    "/groups/:group",
    {
      config: { access: { action: "update", of: (request) => groupInPath(context, request) } },
      schema: {
        operationId: "updateGroup",
        summary: "Changes what is set of a group, and who is in it",
        tags: ["groups"],
        params: groupParams,
        body,
        response: { 200: groupSchema },
      },
    },
    async (request) => {
      const id = targetIdOf(request);
      const { add_users: add = [], remove_users: remove = [], ...changes } = request.body;
      await withTransaction(context.pool, BEGIN.impatient, async (client) => {
        const before = await lockGroup(client, id);
        if (!before) throw notFound();
        if (isEveryone(before)) refuseOnEveryone(before, changes.name, [...add, ...remove]);
        else if (changes.name !== undefined) refuseReserved(changes.name);
        refuseMovers(add, remove, await holdEligible(client, before.organization_id, add));
        const settings = withChanges(groupFields(before), changes);
        const diff = {
          ...difference(groupFields(before), settings),
          ...moversDifference(await addGroupMembers(client, id, add), await removeGroupMembers(client, id, remove)),
        };
        if (Object.keys(diff).length === 0) return auditDone(request);
        const now = context.clock.now();
        await updateGroup(client, id, settings, now);
        await audit(request, client, groupEntry("write", { ...before, ...settings }, diff), now);
      });
      return answerGroup(context, id, false);
    },
  );
}

/** Who is in this group follows from the memberships of the organization, and its name is known to all. */
function refuseOnEveryone(group: GroupRow, name: string | undefined, movers: readonly string[]): void {
  if (name !== undefined && name !== group.name) {
    throw new ProblemError("invalid", "the group Everyone cannot be renamed; give it another display name");
  }
  if (movers.length > 0) {
    throw new ProblemError(
      "invalid",
      `the group Everyone holds all members of ${group.organization_name}; add or remove members of the organization`,
    );
  }
}

function refuseMovers(add: readonly string[], remove: readonly string[], eligible: ReadonlySet<string>): void {
  const removed = new Set(remove.map((id) => id.toLowerCase()));
  const validations = add.flatMap((id, place): Validation[] => {
    const field = `add_users.${place}`;
    if (removed.has(id.toLowerCase())) return [{ field, detail: "is to be added and removed at once" }];
    return eligible.has(id.toLowerCase()) ? [] : [{ field, detail: "is no member of the group's organization" }];
  });
  if (validations.length > 0) throw new ProblemError("invalid", "the request is not valid", { validations });
}

function moversDifference(added: readonly Mover[], removed: readonly Mover[]): Difference {
  return {
    ...(added.length > 0 ? { members_added: { old: null, new: added } } : {}),
    ...(removed.length > 0 ? { members_removed: { old: removed, new: null } } : {}),
  };
}
