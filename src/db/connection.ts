import pg from "pg";
import type { Logger } from "../log.ts";

/** Whatever runs one statement: a pool for single statements, a client inside a transaction. */
export type Queryable = Pick<pg.Pool, "query"> | Pick<pg.PoolClient, "query">;

/** How a transaction begins; each value is the whole BEGIN statement. */
export const BEGIN = {
  readWrite: "begin",
  /** For what a person waits for: gives up with SQLSTATE 55P03 when somebody else holds a lock for longer. */
  impatient: "begin; set local lock_timeout = '3s'",
  /** The same for what is tried again later, and should not keep a connection busy meanwhile. */
  brief: "begin; set local lock_timeout = '500ms'",
  /**
   * For reading what belongs together. Such queries look expensive to the planner and are not, so compiling them first,
   * as servers with JIT would, takes longer than running them.
   */
  snapshot: "begin isolation level repeatable read read only; set local jit = off",
} as const;

/** The names of statements that are prepared; there are as many as such statements in the program. */
const names = new Map<string, string>();

/**
 * A statement that the server plans once per connection instead of every time, where the connection allows that. For
 * statements that run often and whose best plan does not depend on their values.
 */
export function prepared(text: string, values: unknown[]): pg.QueryConfig {
  const name = names.get(text) ?? `prebuildd ${names.size + 1}`;
  names.set(text, name);
  return { name, text, values };
}

/** Behind a transaction pooler the next statement may run on another server session, which knows no names. */
class PoolerClient extends pg.Client {
  // biome-ignore lint/suspicious/noExplicitAny: the overloads of the library's method cannot be written out again
  override query(...given: any[]): any {
    const [first, ...rest] = given;
    const named = typeof first === "object" && first !== null && "name" in first && "text" in first;
    const args = named ? [{ ...first, name: undefined }, ...rest] : given;
    return super.query(...(args as Parameters<pg.Client["query"]>));
  }
}

/** No statement of ours takes nearly as long; without a limit a connection that was cut silently is waited on for ever. */
const QUERY_TIMEOUT_MS = 30_000;
const isTimeout = (error: unknown): error is Error => error instanceof Error && error.message === "Query read timeout";

/**
 * Opens the pool that all of one process's ordinary statements share.
 *
 * A lost connection is logged, never thrown: without a listener on the pool *and* on every client, Node ends the
 * process when a backend dies.
 *
 * @param options.throughPooler a transaction pooler may stand in between, so nothing may be kept in a session
 */
export function openPool(
  connectionString: string,
  log: Logger,
  options: { readonly max?: number; readonly throughPooler?: boolean } = {},
): pg.Pool {
  const pool = new pg.Pool({
    ...(options.throughPooler ? { Client: PoolerClient } : {}),
    connectionString,
    max: options.max ?? 10,
    application_name: "prebuildd",
    connectionTimeoutMillis: 10_000,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    query_timeout: QUERY_TIMEOUT_MS,
  });
  const lost = (how: string) => (err: Error) => {
    // A connection that is being closed anyway may see the server go first.
    log[pool.ending ? "debug" : "warn"]({ err }, `a database connection was lost while ${how}`);
  };
  pool.on("error", lost("idle"));
  pool.on("connect", (client) => client.on("error", lost("in use")));
  return pool;
}

/**
 * Runs `work` in one transaction on one connection and returns what it returns. The original error survives a
 * rollback that fails too, and a connection in an unknown state is thrown away instead of going back to the pool.
 */
export async function withTransaction<T>(
  pool: pg.Pool,
  begin: (typeof BEGIN)[keyof typeof BEGIN],
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query(begin);
    const result = await work(client);
    await client.query("commit");
    return result;
  } catch (error) {
    if (isTimeout(error)) broken = error;
    else {
      await client.query("rollback").catch((cause: Error) => {
        broken = cause;
      });
    }
    throw error;
  } finally {
    client.release(broken);
  }
}

/**
 * Runs a part of a transaction whose failure undoes that part alone.
 * @returns the error it failed with; undefined when it has succeeded
 */
export async function withSavepoint(client: pg.PoolClient, work: () => Promise<void>): Promise<unknown> {
  await client.query("savepoint part");
  try {
    await work();
    await client.query("release savepoint part");
    return undefined;
  } catch (error) {
    await client.query("rollback to savepoint part");
    return error;
  }
}

/** How long a server may take to answer a goodbye. */
const GOODBYE_MS = 1_000;

/** Closes a connection that is not the pool's; one that no longer answers is cut instead of being waited for. */
export async function closeClient(client: pg.Client): Promise<void> {
  const cut = setTimeout(() => client.connection.stream.destroy(), GOODBYE_MS);
  try {
    await client.end();
  } finally {
    clearTimeout(cut);
  }
}
