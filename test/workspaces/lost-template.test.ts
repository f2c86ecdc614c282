import assert from "node:assert/strict";
import { it } from "node:test";
import { ProblemError } from "../../src/errors.ts";
import { asking } from "../support/asking.ts";
import { count, givenContext, givenPool } from "../support/given.ts";
import { waitFor } from "../support/wait-for.ts";

const isProblem = (kind: string, says: RegExp) => (error: unknown) =>
  error instanceof ProblemError && error.kind === kind && says.test(error.message);

it("nobody gets a workspace of a template that is being deleted at the same time", async (t) => {
  const context = await givenContext(t);
  const pool = await givenPool(context, { desired: 0 });
  const ask = await asking(context, pool);
  const deleting = await context.pool.connect();
  await deleting.query("begin");
  await deleting.query("select from templates where id = $1 for update", [pool.templateId]);
  await deleting.query("update templates set deleted = true where id = $1", [pool.templateId]);
  const refused = assert.rejects(ask(), isProblem("not_found", /is not in this organization any more/));
  await waitFor("the request to wait for the deletion", async () => {
    const { rowCount } = await context.pool.query(
      "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    );
    return rowCount === 1;
  });
  await deleting.query("commit");
  deleting.release();
  await refused;
  assert.equal(await count(context, "workspaces"), 0);
  assert.equal(await count(context, "provisioner_jobs"), 0);
});

it("nothing is built from a version that is archived", async (t) => {
  const context = await givenContext(t);
  const pool = await givenPool(context, { desired: null });
  const ask = await asking(context, pool);
  await context.pool.query("update template_versions set archived = true");
  await assert.rejects(ask(), isProblem("conflict", /is archived; choose another one/));
});
