import { setTimeout as delay } from "node:timers/promises";
import type { Cluster } from "./cluster.ts";
import type { Ledger, Promised } from "./ledger.ts";
import { ask, askFor } from "./load.ts";
import { readUnsettled, readWorkspaces, type StoredWorkspace } from "./store.ts";

/** How long the system may take, from the end of all faults, until everything is as it should be. */
export const SETTLE_LIMIT_MS = 120_000;
const BETWEEN_LOOKS_MS = 200;

/**
 * Waits until all that was asked for is there and all pools are full. People ask again for what they had no answer to,
 * and for what a driver that has recovered refused them.
 * @returns how long it took in milliseconds, what came last, and what is still open when the limit is over
 */
export async function settle(
  cluster: Cluster,
  ledger: Ledger,
): Promise<{ ms: number; last: string | undefined; open: string[] }> {
  const startedAt = performance.now();
  let last: string | undefined;
  for (;;) {
    const open = await lookOnce(cluster, ledger);
    last = open[0] ?? last;
    const ms = performance.now() - startedAt;
    if (ms > SETTLE_LIMIT_MS || (open.length === 0 && (await areRefusedForGood(cluster, ledger))))
      return { ms, last, open };
    await delay(BETWEEN_LOOKS_MS);
  }
}

async function lookOnce(cluster: Cluster, ledger: Ledger): Promise<string[]> {
  const unanswered: string[] = [];
  for (const key of [...ledger.open.keys()]) {
    if ((await ask(cluster, ledger, key)) === "open") unanswered.push(key);
  }
  const stored = await readWorkspaces(cluster.database, [...ledger.workspaces.keys()]);
  const open = unanswered.map((name) => `nobody has answered the request for ${name}`);
  for (const promised of ledger.workspaces.values()) {
    const workspace = stored.get(promised.id);
    if (!workspace || isAsWished(promised, workspace)) continue; // what is lost is for the check to say
    open.push(`workspace ${promised.id} is to be ${promised.wish}: ${workspace.transition} ${workspace.status}`);
    const isUnderWay = ["pending", "running", "canceling"].includes(workspace.status);
    if (!isUnderWay) await askFor(cluster, ledger, promised, promised.wish);
  }
  return [...open, ...(await readUnsettled(cluster.database))];
}

/** Asks for the last time for what was refused, now that nothing is under way any more; what is refused again is over. */
async function areRefusedForGood(cluster: Cluster, ledger: Ledger): Promise<boolean> {
  for (const key of [...ledger.open.keys()]) {
    if ((await ask(cluster, ledger, key)) !== "refused") return false;
    ledger.open.delete(key);
  }
  return true;
}

/** Whether a workspace is what its owner wants it to be. */
export function isAsWished({ wish }: Promised, { deleted, transition, status }: StoredWorkspace): boolean {
  if (wish === "deleted") return deleted;
  return !deleted && status === "succeeded" && transition === (wish === "stopped" ? "stop" : "start");
}
