import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it, test } from "node:test";
import { systemClock } from "../../src/clock.ts";
import { givenPrebuild } from "../support/given-prebuild.ts";
import { DEADLINE, insertBuilds, LATER, latestDeadline, setUp } from "./lifecycle-rows.ts";

const OUTSIDE = { code: "23514", constraint: "workspaces_prebuilds_outside_lifecycle" };

describe("the latest deadline of a workspace is that of its latest build", () => {
  const deadlines = (...all: (Date | null)[]) => all.map((deadline) => ({ deadline, maxDeadline: null }));

  it("when a build is inserted with one, without one, or several are in one statement", async (t) => {
    const place = await setUp(t);
    const { pool, mine } = place;
    await insertBuilds(place, mine, deadlines(DEADLINE));
    assert.deepEqual(await latestDeadline(pool, mine), DEADLINE);
    await insertBuilds(place, mine, deadlines(null));
    assert.equal(await latestDeadline(pool, mine), null);
    await insertBuilds(place, mine, deadlines(null, DEADLINE, LATER));
    assert.deepEqual(await latestDeadline(pool, mine), LATER);
    await insertBuilds(place, mine, deadlines(LATER, null));
    assert.equal(await latestDeadline(pool, mine), null);
  });

  it("when a build's is changed, unset, changed together with those of older builds, or an older build's is", async (t) => {
    const place = await setUp(t);
    const { pool, mine } = place;
    await insertBuilds(place, mine, deadlines(null, DEADLINE));
    const set = (deadline: Date | null, where: string) =>
      pool.query(`update workspace_builds set deadline = $2 where workspace_id = $1 and ${where}`, [mine, deadline]);
    await set(LATER, "build_number = 3");
    assert.deepEqual(await latestDeadline(pool, mine), LATER);
    await set(DEADLINE, "build_number < 3");
    assert.deepEqual(await latestDeadline(pool, mine), LATER);
    await set(null, "true");
    assert.equal(await latestDeadline(pool, mine), null);
    await set(DEADLINE, "true");
    assert.deepEqual(await latestDeadline(pool, mine), DEADLINE);
    await set(null, "build_number < 3");
    assert.deepEqual(await latestDeadline(pool, mine), DEADLINE);
  });

  it("for each of many workspaces that one statement changes", async (t) => {
    const place = await setUp(t);
    const { pool, given, person } = place;
    for (let n = 0; n < 5; n += 1) {
      await givenPrebuild({ pool, clock: systemClock }, given, { ownerId: person, initiatorId: person });
    }
    await pool.query(
      `update workspace_builds b set deadline = $1::timestamptz + make_interval(hours => length(w.id::text))
       from workspaces w where w.id = b.workspace_id and w.owner_id = $2`,
      [DEADLINE, person],
    );
    const { rows } = await pool.query(
      `select count(*)::int as all, count(*) filter (where w.latest_deadline = b.deadline)::int as true
       from workspaces w join workspace_builds b on b.id = w.latest_build_id where w.owner_id = $1`,
      [person],
    );
    assert.deepEqual(rows, [{ all: 6, true: 6 }]);
  });

  it("when whoever inserts a build has written the other columns that repeat it already", async (t) => {
    const place = await setUp(t);
    const { pool, mine, prebuild } = place;
    const ahead =
      "update workspaces set latest_build_number = latest_build_number + 1, latest_build_id = $2 where id = $1";
    for (const id of [mine, prebuild]) {
      const buildId = randomUUID();
      await pool.query(ahead, [id, buildId]);
      const inserted = pool.query(
        `with job as (
           insert into provisioner_jobs (organization_id, initiator_id, provisioner, type, input)
           select organization_id, owner_id, 'command', 'workspace_build', '{}' from workspaces where id = $1
           returning id
         )
         insert into workspace_builds (id, workspace_id, template_version_id, build_number, transition, initiator_id,
           job_id, deadline)
         select $2, w.id, w.latest_template_version_id, w.latest_build_number, 'start', w.owner_id, job.id, $3
         from workspaces w, job where w.id = $1`,
        [id, buildId, DEADLINE],
      );
      if (id === prebuild) await assert.rejects(inserted, OUTSIDE);
      else await inserted;
    }
    assert.deepEqual(await latestDeadline(pool, mine), DEADLINE);
  });
});

test("when the latest build has failed stands beside its workspace, until there is another build", async (t) => {
  const place = await setUp(t);
  const { pool, mine } = place;
  const failedAt = async () =>
    (await pool.query("select latest_failed_at from workspaces where id = $1", [mine])).rows[0].latest_failed_at;
  const end = (error: string | null) =>
    pool.query(
      `update provisioner_jobs j set completed_at = $2, error = $3 from workspace_builds b
       join workspaces w on w.latest_build_id = b.id where j.id = b.job_id and w.id = $1`,
      [mine, DEADLINE, error],
    );
  assert.equal(await failedAt(), null);
  await end("it broke");
  assert.deepEqual(await failedAt(), DEADLINE);
  await insertBuilds(place, mine, [{ deadline: null, maxDeadline: null }]);
  assert.equal(await failedAt(), null);
  await end(null);
  assert.equal(await failedAt(), null);
});
