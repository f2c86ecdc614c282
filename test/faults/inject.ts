import { setTimeout as delay } from "node:timers/promises";
import { waitFor } from "../support/wait-for.ts";
import type { Cluster } from "./cluster.ts";
import type { DriverMode, Fault } from "./plan.ts";
import { endBackends } from "./store.ts";

/** Faults that are under way; when they are over, everything that they did to the surroundings is undone. */
export type Injection = {
  /** Does one thing to the system, and undoes it when its time has come. */
  inject(fault: Fault): Promise<void>;
  /** Undoes everything at once and waits until all replicas are ready. */
  heal(): Promise<void>;
};

const READY_PATIENCE_MS = 60_000;

/** Faults of the same kind may overlap: what the later one does counts, and the first end ends both. */
export function createInjection(cluster: Cluster): Injection {
  const healing = new AbortController();
  /** The database is restarted by one at a time. */
  let restarted = Promise.resolve();
  const wait = (ms: number) => delay(ms, undefined, { signal: healing.signal }).catch(() => {});
  const chosen = (index: number) => {
    const found = cluster.replicas[index];
    if (!found) throw new Error(`there is no replica ${index}`);
    return found;
  };
  const setDriver = async (mode: DriverMode) => {
    await cluster.world.setMode(mode);
    await cluster.disk.setFull(mode === "full");
  };

  return {
    async inject(fault) {
      switch (fault.kind) {
        case "kill":
        case "terminate": {
          const { replica } = chosen(fault.replica);
          await replica.end(fault.kind === "kill" ? "SIGKILL" : "SIGTERM");
          await wait(fault.backAfterMs);
          return replica.start();
        }
        case "cut":
        case "freeze": {
          const { proxy } = chosen(fault.replica);
          proxy.set(fault.kind);
          await wait(fault.forMs);
          return proxy.set("pass");
        }
        case "backends":
          // The database may be away just now, which is no less a fault.
          return endBackends(cluster.database, fault.part).catch(() => {});
        case "postgres-fast":
        case "postgres-immediate": {
          const how = fault.kind === "postgres-fast" ? "fast" : "immediate";
          restarted = restarted.then(() => cluster.restartDatabase(how, wait(fault.backAfterMs)));
          return restarted;
        }
        case "driver":
          await setDriver(fault.mode);
          await wait(fault.forMs);
          return setDriver("ok");
        case "clock": {
          const { replica } = chosen(fault.replica);
          await replica.shiftClock(fault.jumpMs);
          await wait(fault.forMs);
          return replica.shiftClock(0);
        }
      }
    },
    async heal() {
      healing.abort();
      await restarted;
      await setDriver("ok");
      for (const { proxy } of cluster.replicas) proxy.set("pass");
      for (const { replica } of cluster.replicas) {
        await replica.shiftClock(0);
        await replica.start();
      }
      for (const { replica } of cluster.replicas) {
        await waitFor(`${replica.name} to be ready`, replica.isReady, { timeoutMs: READY_PATIENCE_MS });
      }
    },
  };
}
