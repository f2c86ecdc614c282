import type pg from "pg";
import { type AuditEntry, difference } from "../audit/entry.ts";
import type { Context } from "../context.ts";
import { ProblemError } from "../errors.ts";
import { buildConflict } from "../workspaces/build-rules.ts";
import { addBuild } from "../workspaces/builds.ts";
import type { LockedWorkspace } from "../workspaces/builds-store.ts";
import { activate } from "../workspaces/dormancy-store.ts";
import { workspaceEntry } from "../workspaces/entry.ts";
import { nextStart } from "./autostart.ts";
import { deletingAt, mayRun } from "./dormancy.ts";
import type { LifecycleFacts } from "./facts-store.ts";
import { storeDormancy } from "./store.ts";

/** A workspace that the transaction has locked, with its lifecycle as it is since then. */
type Locked = { readonly workspace: LockedWorkspace; readonly facts: LifecycleFacts };

/**
 * Makes a workspace dormant, and stops it unless it is stopped.
 * @returns what is to be written to the audit log
 * @throws ProblemError conflict while another build of it is under way or its claim is not finished
 */
export async function makeDormant(
  context: Pick<Context, "queue" | "clock">,
  client: pg.PoolClient,
  { workspace, facts }: Locked,
  { initiatorId, now }: { readonly initiatorId: string; readonly now: Date },
): Promise<AuditEntry[]> {
  const stop = { transition: "stop", reason: "dormancy", initiatorId } as const;
  const conflict = buildConflict(workspace, stop);
  if (conflict !== undefined) throw new ProblemError("conflict", conflict);
  const dates = { dormantAt: now, deletingAt: deletingAt(now, facts.template) };
  await storeDormancy(client, workspace.id, dates);
  const entries = [workspaceEntry(workspace, difference(datesOf(facts), datesOf(dates)))];
  if (mayRun(facts.build)) {
    await addBuild(context, client, workspace, stop, async (_, entry) => void entries.push(entry));
  }
  return entries;
}

/** Ends a workspace's dormancy; returns what is to be written to the audit log. */
export async function makeActive(client: pg.PoolClient, { workspace, facts }: Locked, now: Date): Promise<AuditEntry> {
  // Starts that came while it was dormant are over: it is not to start at once.
  await activate(client, workspace.id, { nextStartAt: nextStart(facts, now), now });
  return workspaceEntry(workspace, difference(datesOf(facts), datesOf({ dormantAt: null, deletingAt: null })));
}

const datesOf = ({ dormantAt, deletingAt }: Pick<LifecycleFacts, "dormantAt" | "deletingAt">) => ({
  dormant_at: dormantAt,
  deleting_at: deletingAt,
});
