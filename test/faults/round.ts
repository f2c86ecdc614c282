import { setTimeout as delay } from "node:timers/promises";
import { findViolations } from "./check.ts";
import type { Cluster } from "./cluster.ts";
import { createInjection } from "./inject.ts";
import type { Ledger } from "./ledger.ts";
import { runLoad } from "./load.ts";
import type { Round } from "./plan.ts";
import { SETTLE_LIMIT_MS, settle } from "./settle.ts";
import { readRevision, readUnendedJobs, readWorkspaces } from "./store.ts";
import { watchPools } from "./watch.ts";

/** What came of a round. */
export type RoundResult = {
  /** How long it took from the end of the faults until everything was as it should be, in milliseconds. */
  readonly settledMs: number;
  /** What was the last to become so. */
  readonly last: string | undefined;
  readonly violations: readonly string[];
  /** How often the pools were looked at meanwhile. */
  readonly looks: number;
};

/** Puts load on the system, does to it what is planned, waits until all is well again, and checks that it is. */
export async function runRound(cluster: Cluster, ledger: Ledger, round: Round): Promise<RoundResult> {
  const watch = watchPools(cluster.database);
  const ending = new AbortController();
  const injection = createInjection(cluster);
  const load = runLoad(cluster, ledger, { seed: round.loadSeed, signal: ending.signal });
  const injected = Promise.all(
    round.faults.map(async (fault) => {
      await delay(fault.atMs);
      await injection.inject(fault);
    }),
  );
  await Promise.race([Promise.all([delay(round.loadMs), injected]), load]);
  ending.abort();
  await load;
  await injection.heal();
  const { ms, last, open } = await settle(cluster, ledger);
  const { looks, violations } = await watch.stop();
  violations.push(...ledger.violations.splice(0));
  if (open.length > 0) {
    violations.push(...open.map((what) => `${SETTLE_LIMIT_MS / 1_000} s after the faults: ${what}`));
  }
  violations.push(...(await checkWhenStill(cluster, ledger)));
  return { settledMs: ms, last, violations, looks };
}

/** Compares when nothing happens in between: a pool whose prebuilds expire is never still for long. */
async function checkWhenStill(cluster: Cluster, ledger: Ledger): Promise<string[]> {
  const { database } = cluster;
  const deadline = performance.now() + SETTLE_LIMIT_MS;
  for (;;) {
    const before = await readRevision(database);
    const stored = await readWorkspaces(database, [...ledger.workspaces.keys()]);
    const outside = await cluster.world.look();
    const unended = await readUnendedJobs(database, ledger.pushes);
    const isStill = before === (await readRevision(database)) && before.endsWith("/0");
    const found = [
      ...findViolations(ledger, stored, outside),
      ...unended.map((id) => `the push that became job ${id} has come to no end`),
    ];
    // What only seems wrong for a moment, such as an executable that is just ending, is not there the next time.
    if (isStill && found.length === 0) return [];
    if (performance.now() > deadline) return isStill ? found : ["the system did not come to rest"];
    await delay(100);
  }
}
