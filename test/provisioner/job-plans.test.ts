import assert from "node:assert/strict";
import { it } from "node:test";
import { type JobFilter, listJobs } from "../../src/provisioner/job-store.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { givenContext, givenPool, givenUser } from "../support/given.ts";
import { explaining, type PlanNode } from "../support/plans.ts";

/** So many as a year of more than a hundred builds a day leaves behind. */
const JOBS = 60_000;

it("a page of a long history of jobs takes the entries of an index that it shows, and jobs under way have their own", async (t) => {
  const { pool } = await givenContext(t);
  const { organizationId } = await givenPool({ pool });
  await pool.query(
    `insert into provisioner_jobs (created_at, started_at, completed_at, organization_id, initiator_id, provisioner,
        type, input)
      select now() - n * interval '1 minute', case when n > 100 then now() end, case when n > 200 then now() end, $1,
        case when n % 5 = 0 then $2::uuid else $3::uuid end, 'command', 'workspace_build', '{}'
      from generate_series(1, ${JOBS}) n`,
    [organizationId, PREBUILDS_SYSTEM_USER_ID, await givenUser({ pool })],
  );
  await pool.query("analyze provisioner_jobs");

  /** How the statement for a page reads the table of jobs. */
  async function planOf(filter: JobFilter): Promise<(string | undefined)[][]> {
    const plans: PlanNode[][] = [];
    await listJobs(explaining(pool, plans), organizationId, filter, { limit: 100, offset: 0 });
    const [page = []] = plans;
    return page
      .filter((node) => node["Relation Name"] === "provisioner_jobs")
      .map((node) => [node["Node Type"], node["Index Name"]]);
  }

  const history = [["Index Scan", "provisioner_jobs_created_at"]];
  assert.deepEqual(await planOf({}), history);
  assert.deepEqual(await planOf({ initiatorId: PREBUILDS_SYSTEM_USER_ID }), history);
  assert.deepEqual(await planOf({ statuses: ["succeeded", "pending"] }), history);
  const underWay = [["Index Scan", "provisioner_jobs_unfinished"]];
  assert.deepEqual(await planOf({ statuses: ["pending"], initiatorId: PREBUILDS_SYSTEM_USER_ID }), underWay);
  assert.deepEqual(await planOf({ statuses: ["pending", "running", "canceling"] }), underWay);
});
