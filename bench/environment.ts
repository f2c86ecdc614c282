import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { cpus, loadavg, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import type pg from "pg";
import { systemClock } from "../src/clock.ts";
import { readConfig } from "../src/config.ts";
import type { Context } from "../src/context.ts";
import { openPool } from "../src/db/connection.ts";
import { startEmbeddedPostgres } from "../src/db/embedded/server.ts";
import { migrateUp } from "../src/db/migrate.ts";
import { createLogger } from "../src/log.ts";
import { createClaimer } from "../src/prebuilds/claim.ts";
import { createBuildQueue } from "../src/provisioner/queue.ts";
import { createWake } from "../src/wake.ts";

const silent = createLogger("silent", process.stderr);

/** What every subject measures with: a daemon's context on a database of the run's own. */
export type Bench = { readonly url: string; readonly context: Context };

/** Opens the empty database behind `databaseUrl`, or else an embedded server that keeps its promises (fsync is on). */
export async function openBench(stack: AsyncDisposableStack, databaseUrl: string | undefined): Promise<Bench> {
  const url = databaseUrl ?? (await startServer(stack));
  await refuseFull(url);
  await migrateUp(url);
  const pool = openClients(stack, url, 10);
  const queue = stack.use(createBuildQueue(pool, silent));
  await queue.start();
  const wake = createWake(pool, silent);
  stack.defer(() => wake.settled());
  const poolSettings = readConfig({});
  const claimPrebuild = createClaimer({ pool, queue });
  return {
    url,
    context: {
      pool,
      queue,
      wake,
      clock: systemClock,
      log: silent,
      poolSettings,
      workspaceSharingDisabled: false,
      aiBudgetPolicy: "highest",
      notifications: { windowMs: 0, channels: [] },
      claimPrebuild,
    },
  };
}

/** A pool of its own for as many clients. */
export function openClients(stack: AsyncDisposableStack, url: string, max: number): pg.Pool {
  return stack.adopt(openPool(url, silent, { max }), (pool) => pool.end());
}

/** The same pool, with every statement counted that goes through it, those in transactions included. */
export function countQueries(pool: pg.Pool): { readonly pool: pg.Pool; take(): number } {
  let queries = 0;
  function counting<T extends object>(target: T): T {
    return new Proxy(target, {
      get(_, key) {
        const value: unknown = Reflect.get(target, key);
        if (typeof value !== "function") return value;
        if (key === "connect") return async () => counting((await value.call(target)) as object);
        if (key !== "query") return value.bind(target);
        return (...parameters: unknown[]) => {
          queries += 1;
          return value.apply(target, parameters);
        };
      },
    });
  }
  return {
    pool: counting(pool),
    take() {
      const taken = queries;
      queries = 0;
      return taken;
    },
  };
}

/** What the figures depend on besides the code. */
export async function describeMachine({ context }: Bench): Promise<Record<string, string>> {
  const { rows } = await context.pool.query<{ name: string; setting: string }>(
    `select name, current_setting(name) as setting from pg_settings
     where name in ('server_version', 'fsync', 'synchronous_commit', 'shared_buffers') order by name = 'server_version' desc, name`,
  );
  const processors = cpus();
  return {
    machine: `${processors.length} × ${processors[0]?.model.trim() ?? "?"}, ${Math.round(totalmem() / 1024 ** 3)} GiB, load ${loadavg()[0]?.toFixed(1)}`,
    node: process.version,
    ...Object.fromEntries(rows.map(({ name, setting }) => [name === "server_version" ? "postgresql" : name, setting])),
  };
}

/** A name that no other workspace has. */
export const uniqueName = () => `bench-${randomBytes(9).toString("hex")}`;

async function startServer(stack: AsyncDisposableStack): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), "prebuildd-bench-"));
  stack.defer(() => rm(dataDir, { recursive: true, force: true }));
  await chmod(dataDir, 0o755); // as root, the server's own user must be able to enter it
  const log = createLogger("warn", process.stderr);
  return stack.use(await startEmbeddedPostgres({ dataDir, log })).url;
}

/** The rows are replaced several times, so a database with anything of somebody's in it is not touched. */
async function refuseFull(url: string): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const { rows } = await openClients(stack, url, 1).query<{ tables: number }>(
    "select count(*)::int as tables from pg_tables where schemaname not in ('pg_catalog', 'information_schema')",
  );
  if (rows[0]?.tables !== 0) throw new Error("the database of DATABASE_URL is not empty: give the bench an empty one");
}
