import { setTimeout as delay } from "node:timers/promises";
import { startReplica } from "./daemon.ts";
import { scrape } from "./daemon-metrics.ts";
import type { Bench } from "./environment.ts";
import { residentMemory } from "./process-figures.ts";
import { loadWorld, type WorldSize } from "./world.ts";

const PASS_PATIENCE_MS = 60_000;

/** The memory of a daemon in MB: when it is ready, after some passes and scrapes, and at most so far. */
export type Memory = { readonly started: number; readonly worked: number; readonly most: number };

/** What a daemon that builds nothing occupies in a world of a size, with passes, scrapes and readings of the metrics. */
export async function memoryAtRest(bench: Bench, size: WorldSize, passes: number): Promise<Memory> {
  await loadWorld(bench.context, size);
  await using stack = new AsyncDisposableStack();
  const { url, pid } = await startReplica(stack, bench.url, { settings: { PREBUILDD_METRICS_INTERVAL: "5s" } });
  const started = (await residentMemory(pid)).now;
  for (let pass = 0; pass < passes; pass += 1) await letPass(bench, url);
  const { now: worked, most } = await residentMemory(pid);
  return { started, worked, most };
}

async function letPass({ context: { wake } }: Bench, url: string): Promise<void> {
  const passed = async () => (await scrape(url))("prebuildd_passes_total");
  const before = await passed();
  wake.pools();
  const deadline = performance.now() + PASS_PATIENCE_MS;
  while ((await passed()) === before) {
    if (performance.now() > deadline) throw new Error("the daemon makes no passes");
    await delay(100);
  }
}
