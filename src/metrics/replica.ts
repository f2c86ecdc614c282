import { collectDefaultMetrics, Gauge, type Registry } from "prom-client";
import packageJson from "../../package.json" with { type: "json" };
import type { Context } from "../context.ts";

/** What the metrics ask this process at each scrape; none of it may wait for anything. */
export type Process = {
  isLeader(): boolean;
  isReady(): boolean;
  /** The database has answered a moment ago. */
  isDatabaseUp(): boolean;
  runningBuilds(): number;
  /** How many builds may run here at once. */
  readonly provisioners: number;
};

/** Declares what this process says of itself, beside Node's own metrics. */
export function createReplicaMetrics(
  registry: Registry,
  { pool, poolSettings }: Pick<Context, "pool" | "poolSettings">,
): { observe(process: Process): void } {
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  // Gauges whose names end like those of counters; what they say is in `nodejs_active_handles` and so on, too.
  for (const kind of ["handles", "requests", "resources"]) registry.removeSingleMetric(`nodejs_active_${kind}_total`);
  new Gauge({
    name: "prebuildd_build_info",
    help: "Always 1; the labels say which version runs.",
    labelNames: ["version", "node_version"] as const,
    registers,
  }).set({ version: packageJson.version, node_version: process.version }, 1);
  new Gauge({
    name: "prebuildd_database_connections",
    help: "Connections of this replica's database pool by use.",
    labelNames: ["use"] as const,
    registers,
    collect() {
      const { totalCount, idleCount, waitingCount } = pool;
      this.set({ use: "in_use" }, totalCount - idleCount);
      this.set({ use: "idle" }, idleCount);
      this.set({ use: "waited_for" }, waitingCount);
    },
  });
  new Gauge({
    name: "prebuildd_max_in_flight",
    help: "How many prebuilds may be started at once; 0 means any number.",
    registers,
  }).set(poolSettings.maxInFlight);

  return {
    observe(self) {
      const gauge = (name: string, help: string, read: () => number) =>
        new Gauge({
          name,
          help,
          registers,
          collect() {
            this.set(read());
          },
        });
      gauge("prebuildd_leader", "1 on the replica that leads, 0 on the others.", () => Number(self.isLeader()));
      gauge("prebuildd_ready", "1 while this replica can serve requests, else 0.", () => Number(self.isReady()));
      gauge("prebuildd_database_up", "1 while the database answers this replica, else 0.", () =>
        Number(self.isDatabaseUp()),
      );
      gauge("prebuildd_running_builds", "Builds that this replica runs now.", () => self.runningBuilds());
      gauge("prebuildd_provisioners", "Builds that this replica may run at once.", () => self.provisioners);
    },
  };
}
