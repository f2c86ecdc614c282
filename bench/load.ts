import { availableParallelism } from "node:os";
import type pg from "pg";
import type { Replica } from "./daemon.ts";
import { cpuSeconds, serverCpuSeconds } from "./process-figures.ts";

/** CPU seconds by who has used them. */
type Cpu = { readonly daemons: number; readonly postgres: number; readonly clients: number };

/** What was done in some time, and what it took. */
export type Load = {
  readonly perSecond: number;
  /** CPU milliseconds for each thing that was done. */
  readonly cpuMs: Cpu;
  /** The part of all processors' time that these three have used, 0 to 1; others may have used more. */
  readonly busy: number;
};

/**
 * Looks at what the work takes: of the daemons with all that they run, of the database server, and of this process,
 * in which the clients are.
 * @param work returns how many things it has done
 */
export async function measureLoad(
  pool: pg.Pool,
  replicas: readonly Replica[],
  work: () => Promise<number>,
): Promise<Load> {
  const before = await readCpu(pool, replicas);
  const startedAt = performance.now();
  const done = await work();
  const seconds = (performance.now() - startedAt) / 1_000;
  const after = await readCpu(pool, replicas);
  const used = {
    daemons: after.daemons - before.daemons,
    postgres: after.postgres - before.postgres,
    clients: after.clients - before.clients,
  };
  const ms = (of: number) => (1_000 * of) / done;
  return {
    perSecond: done / seconds,
    cpuMs: { daemons: ms(used.daemons), postgres: ms(used.postgres), clients: ms(used.clients) },
    busy: (used.daemons + used.postgres + used.clients) / seconds / availableParallelism(),
  };
}

async function readCpu(pool: pg.Pool, replicas: readonly Replica[]): Promise<Cpu> {
  const { rows } = await pool.query<{ pid: number }>("select pg_backend_pid() as pid");
  const [daemons, postgres] = await Promise.all([
    Promise.all(replicas.map(({ pid }) => cpuSeconds(pid))),
    serverCpuSeconds(rows[0]?.pid ?? 0),
  ]);
  const { user, system } = process.cpuUsage();
  return {
    daemons: daemons.reduce((sum, seconds) => sum + seconds, 0),
    postgres,
    clients: (user + system) / 1e6,
  };
}
