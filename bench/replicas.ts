import { setTimeout as delay } from "node:timers/promises";
import { type Replica, startReplica } from "./daemon.ts";

const LEADS = '"this replica leads now"';
const LEADS_NO_MORE = '"this replica no longer leads"';

/** A replica, and whether it says that it leads. */
export type Competitor = Replica & { leads: boolean };

/** Several replicas on one database, one of which leads. */
export type Replicas = {
  /** Those that run now. */
  readonly all: readonly Competitor[];
  /** Resolves with the leader, once there is one. */
  leader(): Promise<Competitor>;
  /** Resolves with the moment at which one says that it leads now, by `performance.now()`; undefined when none does in time. */
  nextLeader(patienceMs: number): Promise<number | undefined>;
  /** Starts another one in the place of one that has ended. */
  replace(gone: Competitor): Promise<void>;
};

/** Starts replicas that build nothing; they are stopped with the stack. */
export async function startReplicas(
  stack: AsyncDisposableStack,
  databaseUrl: string,
  count: number,
): Promise<Replicas> {
  const running = new Set<Competitor>();
  let onLead = (_at: number) => {};

  async function add(): Promise<void> {
    let known: Competitor | undefined;
    let leads = false; // it may lead before it is known
    const replica = await startReplica(stack, databaseUrl, {
      settings: { PREBUILDD_LOG_LEVEL: "info" },
      onLine(line) {
        if (line.includes(LEADS)) onLead(performance.now());
        if (line.includes(LEADS) || line.includes(LEADS_NO_MORE)) leads = line.includes(LEADS);
        if (known) known.leads = leads;
      },
    });
    known = { ...replica, leads };
    running.add(known);
  }

  async function leader(): Promise<Competitor> {
    for (;;) {
      const [one, ...others] = [...running].filter(({ leads }) => leads);
      if (one && others.length === 0) return one;
      await delay(10);
    }
  }

  for (let replica = 0; replica < count; replica += 1) await add();
  return {
    get all() {
      return [...running];
    },
    leader,
    nextLeader(patienceMs) {
      const led = Promise.withResolvers<number | undefined>();
      onLead = led.resolve;
      const late = setTimeout(() => led.resolve(undefined), patienceMs);
      return led.promise.finally(() => clearTimeout(late));
    },
    async replace(gone) {
      await gone.ended;
      running.delete(gone);
      await add();
    },
  };
}
