import pg from "pg";
import type { Bench } from "./environment.ts";

/** The channels on which commits are heard; the first word of the payload is the workspace, the second its preset. */
export const COMMITTED = { claim: "bench_claimed", refill: "bench_refilled" } as const;

// A notification leaves with its commit, so whoever listens sees the commits in their order, each as it happens.
const TELL_COMMITS = [
  `create or replace function bench.tell_claim() returns trigger language plpgsql as $$
   begin perform pg_notify('${COMMITTED.claim}', new.id || ' ' || new.preset_id); return null; end $$`,
  `create or replace function bench.tell_refill() returns trigger language plpgsql as $$
   begin perform pg_notify('${COMMITTED.refill}', new.id || ' ' || new.preset_id); return null; end $$`,
  `create trigger bench_tell_claim after update of owner_id on workspaces for each row
   when (old.owner_id <> new.owner_id) execute function bench.tell_claim()`,
  `create trigger bench_tell_refill after insert on workspaces for each row
   when (new.created_as_prebuild) execute function bench.tell_refill()`,
];
const TELL_NO_MORE = ["drop trigger bench_tell_claim on workspaces", "drop trigger bench_tell_refill on workspaces"];

/** Who hears of commits, as they happen; also of notifications of `bench_ping`. */
export type CommitWatch = { onCommit: (channel: string, payload: string) => void };

/** Listens to the commits of claims and of refills until the stack is disposed; the world must have been loaded. */
export async function watchCommits(
  stack: AsyncDisposableStack,
  { url, context: { pool } }: Bench,
): Promise<CommitWatch> {
  for (const statement of TELL_COMMITS) await pool.query(statement);
  stack.defer(async () => {
    for (const statement of TELL_NO_MORE) await pool.query(statement);
  });
  const watch: CommitWatch = { onCommit: () => {} };
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  stack.defer(() => client.end());
  client.on("notification", ({ channel, payload = "" }) => watch.onCommit(channel, payload));
  await client.query(`listen ${COMMITTED.claim}; listen ${COMMITTED.refill}; listen bench_ping`);
  return watch;
}
