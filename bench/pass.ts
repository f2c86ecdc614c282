import { planPresets } from "../src/prebuilds/plan.ts";
import { runPass } from "../src/prebuilds/reconcile.ts";
import { readSnapshot } from "../src/prebuilds/store.ts";
import { type Bench, countQueries } from "./environment.ts";
import { interleave, ratioOf, spreadOf, timed } from "./measure.ts";
import { type Row, short, type Table } from "./report.ts";
import { updateByKey } from "./update-by-key.ts";
import { loadWorld, type WorldSize } from "./world.ts";

const TARGET_MS = 150;

/** What a pass costs that finds nothing to do, in worlds of growing size. */
export async function benchPass(
  { context }: Bench,
  options: { sizes: readonly WorldSize[]; rounds: number },
): Promise<Table> {
  const rows: Row[] = [];
  const queriesAt: number[] = [];
  for (const [index, size] of options.sizes.entries()) {
    await loadWorld(context, size);
    const counted = countQueries(context.pool);
    const idle = { ...context, pool: counted.pool };
    const signal = new AbortController().signal;
    const measured = await interleave(options.rounds, {
      baseline: () => updateByKey(context.pool),
      pass: async () => {
        counted.take();
        const { ms, result } = await timed(() => runPass(idle, signal));
        if (result.pools.length !== size.pools || result.results.length > 0) throw new Error("the pass was not idle");
        queriesAt[index] = counted.take();
        return ms;
      },
      plan: () => planOnly(idle),
    });
    const pass = spreadOf(measured.pass);
    const largest = index === options.sizes.length - 1;
    const steady = new Set(queriesAt).size === 1;
    rows.push({ name: `update by key beside ${size.name}`, unit: "ms", value: spreadOf(measured.baseline) });
    rows.push({
      name: `pass at ${size.name}`,
      unit: "ms",
      value: pass,
      ratio: ratioOf(measured.pass, measured.baseline),
      details: `${queriesAt[index]} queries, of which planning ${short(spreadOf(measured.plan).median)} ms of CPU`,
      ...(largest && {
        target: {
          text: `the same queries at each size, ≤ ${TARGET_MS} ms`,
          met: steady && pass.median <= TARGET_MS,
        },
      }),
    });
  }
  return { subject: "pass", title: "A pass with nothing to do", baseline: "one update by key, committed", rows };
}

/** The time of the part that only decides. */
async function planOnly({ pool, clock, poolSettings }: Bench["context"]): Promise<number> {
  const now = clock.now();
  const { pools } = await readSnapshot(pool, now, poolSettings);
  const { ms } = await timed(async () => planPresets(pools, poolSettings, now));
  return ms;
}
