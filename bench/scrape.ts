import { createMetrics } from "../src/metrics.ts";
import { type Bench, countQueries } from "./environment.ts";
import { interleave, ratioOf, spreadOf, timed } from "./measure.ts";
import { type Table, target } from "./report.ts";
import { updateByKey } from "./update-by-key.ts";
import { loadWorld, type WorldSize } from "./world.ts";

const SCRAPE_TARGET_MS = 20;
const REFRESH_TARGET_MS = 150;

/** What Prometheus' reading costs, which must not reach the database, and the reading of the pools behind it. */
export async function benchScrape({ context }: Bench, options: { size: WorldSize; rounds: number }): Promise<Table> {
  await loadWorld(context, options.size);
  const counted = countQueries(context.pool);
  const metrics = createMetrics({ ...context, pool: counted.pool });
  const seen = { refresh: 0, scrape: 0, series: 0 };
  const measured = await interleave(options.rounds, {
    baseline: () => updateByKey(context.pool),
    refresh: async () => {
      counted.take();
      const { ms } = await timed(() => metrics.refresh());
      seen.refresh = counted.take();
      return ms;
    },
    scrape: async () => {
      const { ms, result } = await timed(() => metrics.text());
      seen.scrape += counted.take();
      seen.series = result.body.split("\n").filter((line) => line !== "" && !line.startsWith("#")).length;
      return ms;
    },
  });
  const scrape = spreadOf(measured.scrape);
  const refresh = spreadOf(measured.refresh);
  return {
    subject: "scrape",
    title: `Metrics at ${options.size.name}`,
    baseline: "one update by key, committed",
    rows: [
      { name: "update by key", unit: "ms", value: spreadOf(measured.baseline) },
      {
        name: "scrape",
        unit: "ms",
        value: scrape,
        ratio: ratioOf(measured.scrape, measured.baseline),
        details: `${seen.series} series, ${seen.scrape} queries`,
        target: {
          text: `0 queries, ≤ ${SCRAPE_TARGET_MS} ms`,
          met: seen.scrape === 0 && scrape.median <= SCRAPE_TARGET_MS,
        },
      },
      {
        name: "refresh",
        unit: "ms",
        value: refresh,
        ratio: ratioOf(measured.refresh, measured.baseline),
        details: `${seen.refresh} queries`,
        target: target("ms", refresh.median, { most: REFRESH_TARGET_MS }),
      },
    ],
  };
}
