import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startCluster } from "./cluster.ts";
import { createLedger } from "./ledger.ts";
import { describeFault, planRound, REPLICAS } from "./plan.ts";
import { runRound } from "./round.ts";
import { addRound, createSummary, formatSummary } from "./summary.ts";

/** So many violations of one round are printed; more of them rarely say more. */
const SHOWN = 20;
const print = (text: string) => process.stdout.write(`${text}\n`);

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "20" },
    seed: { type: "string" },
    first: { type: "string", default: "1" },
    json: { type: "string" },
  },
});
const whole = (name: string, text: string): number => {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  process.stderr.write(`--${name} ${text}: must be a whole number\n`);
  process.exit(2);
};
const rounds = whole("rounds", options.rounds);
const first = whole("first", options.first);
const seed = whole("seed", options.seed ?? String(Math.floor(Math.random() * 1e9)));

const root = await mkdtemp(join(tmpdir(), "prebuildd-faults-"));
const unexpected: string[] = [];
const summary = createSummary({ seed, first, startedAt: new Date().toISOString() });
{
  await using stack = new AsyncDisposableStack();
  const cluster = await startCluster(stack, root, { seed, onUnexpectedEnd: (problem) => unexpected.push(problem) });
  print(
    `seed ${seed}; ${REPLICAS} replicas, logs in ${root}` +
      (cluster.disk.isReal ? "" : "; only root can make a disk that gets full, so the driver only says that it is"),
  );
  for (const { replica } of cluster.replicas) await replica.start();
  const ledger = createLedger();
  for (let number = first; number < first + rounds; number += 1) {
    const round = planRound(seed, number);
    print(`round ${number}: ${round.faults.map(describeFault).join("; ")}`);
    const result = await runRound(cluster, ledger, round);
    const violations = [...result.violations, ...unexpected.splice(0)];
    addRound(summary, round, { ...result, violations });
    print(
      `  well again after ${(result.settledMs / 1_000).toFixed(1)} s, ${violations.length} violations; last: ${result.last ?? "-"}`,
    );
    for (const violation of violations.slice(0, SHOWN)) print(`  VIOLATION ${violation}`);
    if (violations.length > SHOWN) print(`  ... and ${violations.length - SHOWN} more`);
    if (violations.length > 0) print(`  again: npm run test:faults -- --seed ${seed} --first ${number} --rounds 1`);
  }
  summary.requests = cluster.client.sent();
  summary.promises = ledger.workspaces.size + ledger.pushes.length;
}
print(formatSummary(summary));
if (options.json !== undefined) await writeFile(options.json, JSON.stringify(summary, null, 2));
if (summary.violations.length > 0) process.exitCode = 1;
else await rm(root, { recursive: true, force: true, maxRetries: 5 });
