import { collectDefaultMetrics, Gauge, Registry } from "prom-client";
import packageJson from "../package.json" with { type: "json" };
import type { Context } from "./context.ts";
import { createLifecycleMetrics, type LifecycleMetrics } from "./lifecycle/metrics.ts";
import { createPoolMetrics, type PoolMetrics } from "./prebuilds/metrics.ts";

export type Metrics = {
  readonly pools: PoolMetrics;
  readonly lifecycle: LifecycleMetrics;
  /** All metrics as Prometheus reads them; never touches the database. */
  text(): Promise<{ contentType: string; body: string }>;
  /** Reports at each scrape whether this replica leads and how its connections are used. */
  observeProcess(process: { isLeader(): boolean; runningBuilds(): number }): void;
};

/** Makes the process's registry with everything this replica exports. */
export function createMetrics(context: Pick<Context, "pool" | "clock" | "poolSettings">): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: "prebuildd_build_info",
    help: "Always 1; the labels say which version runs.",
    labelNames: ["version", "node_version"] as const,
    registers: [registry],
  }).set({ version: packageJson.version, node_version: process.version }, 1);
  new Gauge({
    name: "prebuildd_database_connections",
    help: "Connections of this replica's database pool by use.",
    labelNames: ["use"] as const,
    registers: [registry],
    collect() {
      const { totalCount, idleCount, waitingCount } = context.pool;
      this.set({ use: "in_use" }, totalCount - idleCount);
      this.set({ use: "idle" }, idleCount);
      this.set({ use: "waited_for" }, waitingCount);
    },
  });
  const pools = createPoolMetrics(registry, context);
  const lifecycle = createLifecycleMetrics(registry);
  return {
    pools,
    lifecycle,
    text: async () => ({
      contentType: registry.contentType,
      body: `${await pools.text()}\n${await registry.metrics()}`,
    }),
    observeProcess({ isLeader, runningBuilds }) {
      new Gauge({
        name: "prebuildd_leader",
        help: "1 on the replica that leads, 0 on the others.",
        registers: [registry],
        collect() {
          this.set(isLeader() ? 1 : 0);
        },
      });
      new Gauge({
        name: "prebuildd_running_builds",
        help: "Builds that this replica runs now.",
        registers: [registry],
        collect() {
          this.set(runningBuilds());
        },
      });
    },
  };
}
