import assert from "node:assert/strict";
import { it } from "node:test";
import { openPool, prepared } from "../../src/db/connection.ts";
import { createClaimer } from "../../src/prebuilds/claim.ts";
import { asking } from "../support/asking.ts";
import { givenContext, silent } from "../support/given.ts";
import { startPgBouncer } from "../support/pgbouncer.ts";
import { givenReadyPool } from "../support/ready-pool.ts";

it("claims go through a transaction pooler, where nothing may be prepared", async (t) => {
  const context = await givenContext(t);
  const ready = await givenReadyPool(t, context, { desired: 8 });
  const url = await startPgBouncer(t, context.url, "transaction");
  if (url === undefined) {
    t.skip("PgBouncer is not installed");
    return;
  }
  const pool = openPool(url, silent, { max: 8, throughPooler: true });
  t.after(() => pool.end());
  const through = { ...context, pool, claimPrebuild: createClaimer({ pool, queue: context.queue }) };
  const ask = await asking(through, ready);
  const outcomes = [];
  for (let round = 0; round < 4; round += 1) outcomes.push(...(await Promise.all([ask(), ask()])));
  assert.deepEqual(
    outcomes.map(({ claimed }) => claimed),
    Array(8).fill(true),
  );
  const { rows } = await pool.query("select count(*)::int as n from pg_prepared_statements where not from_sql");
  assert.deepEqual(rows, [{ n: 0 }]);
});

it("the same statement is prepared once per connection", async (t) => {
  const context = await givenContext(t);
  const client = await context.pool.connect();
  t.after(() => client.release());
  for (let time = 0; time < 3; time += 1) await client.query(prepared("select $1::int as n", [time]));
  const { rows } = await client.query("select count(*)::int as n from pg_prepared_statements where statement like $1", [
    "select $1::int as n",
  ]);
  assert.deepEqual(rows, [{ n: 1 }]);
});
