import pg from "pg";
import { ProblemError } from "../errors.ts";

/**
 * Makes sure that statements of one connection stay on one server session, as session locks and LISTEN need it.
 * @throws ProblemError when a transaction pooler stands in between.
 */
export async function refuseTransactionPooler(url: string): Promise<void> {
  const open = () =>
    new pg.Client({ connectionString: url, application_name: "prebuildd check", connectionTimeoutMillis: 10_000 });
  const [first, second] = [open(), open()];
  for (const client of [first, second]) client.on("error", () => {}); // the statement in flight rejects as well
  const pidOf = async (client: pg.Client) =>
    (await client.query<{ pid: number }>("select pg_backend_pid() as pid")).rows[0]?.pid;
  try {
    await first.connect();
    await second.connect();
    const before = await pidOf(first);
    // The second one holds a server session inside a transaction: a pooler gives it the one the first just let go.
    await second.query("begin");
    const other = await pidOf(second);
    const after = await pidOf(first);
    await second.query("rollback");
    if (before === after && before !== other) return;
  } finally {
    await Promise.all([first.end(), second.end()]);
  }
  throw new ProblemError(
    "unavailable",
    "the database connection goes through a transaction pooler, which loses locks and notifications. " +
      "Set DATABASE_DIRECT_URL to the server's own address; DATABASE_URL may keep going through the pooler.",
  );
}
