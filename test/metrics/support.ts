import type { Metrics } from "../../src/metrics.ts";

/** The samples of a scrape by name and labels, as `name{a="b"}`, of the metrics whose names begin like this. */
export async function samplesOf(metrics: Metrics, prefix: string): Promise<Readonly<Record<string, number>>> {
  const { body } = await metrics.text();
  const lines = body.split("\n").filter((line) => line.startsWith(prefix));
  return Object.fromEntries(
    lines.map((line) => {
      const space = line.lastIndexOf(" ");
      return [line.slice(0, space), Number(line.slice(space + 1))];
    }),
  );
}
