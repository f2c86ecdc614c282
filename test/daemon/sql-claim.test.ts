import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { it, type TestContext } from "node:test";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { givenCommandPool } from "../support/command-pool.ts";
import { givenControlPlane } from "../support/control-plane.ts";
import { startProcess } from "../support/daemon.ts";
import { createTestDatabase } from "../support/database.ts";
import { count } from "../support/given.ts";
import { waitFor } from "../support/wait-for.ts";

/** A pool of one whose template writes down for whom it is claimed, a daemon that fills it, and a control plane. */
async function givenPlace(t: TestContext) {
  const database = await createTestDatabase(t);
  const template = await givenCommandPool(t, database.pool, {
    start: "true",
    claim: 'echo "$PREBUILDD_WORKSPACE_NAME of $PREBUILDD_WORKSPACE_OWNER" >> $TEST_DIR/claims',
  });
  const start = () => startProcess(t, ["run"], { env: { DATABASE_URL: database.url } });
  const patient = { timeoutMs: 30_000 }; // a process has to start first
  const isFull = async () =>
    (await count(database, "workspaces where agents_ready and owner_id = $1", [PREBUILDS_SYSTEM_USER_ID])) === 1;
  const full = () => waitFor("the pool to be full", isFull, patient);
  const daemon = await start();
  await full();
  const plane = await givenControlPlane(t, database, template);
  const refilled = (workspaces: number) =>
    waitFor("the refill to be queued", async () => (await count(database, "workspaces")) === workspaces, {
      timeoutMs: 1_500,
      intervalMs: 5,
    });
  const claimBuildOf = async (id: string | null) => {
    const { rows } = await database.pool.query<{ told: string }>(
      `select w.name || ' of ' || u.username as told from workspaces w join users u on u.id = w.owner_id
       where w.id = $1 and w.latest_build_number = 2 and w.latest_job_status = 'succeeded' and w.agents_ready`,
      [id],
    );
    return rows[0];
  };
  const assertClaimed = async (id: string | null) => {
    const { told } = await waitFor("the claim build to have run", () => claimBuildOf(id), patient);
    assert.equal(await readFile(join(template.testDir, "claims"), "utf8"), `${told}\n`);
  };
  return { ...database, presetId: template.presetId, plane, daemon, start, full, refilled, assertClaimed };
}

it("a claim in a transaction of somebody who shares the database is built and refilled after the commit, and undone by a rollback", async (t) => {
  const place = await givenPlace(t);
  const { plane, refilled, assertClaimed, full } = place;
  const { client } = plane;
  await client.query("create table bookings (workspace_id uuid not null references workspaces (id))");

  await client.query("begin");
  const undone = await plane.claim({ name: "undone" });
  assert.ok(undone);
  await client.query("rollback");

  await client.query("begin");
  const { rows } = await client.query<{ workspace_id: string }>(
    `with claim as (select claim_prebuild(preset_id => $1, user_id => $2, name => 'mine') as workspace_id)
     insert into bookings select workspace_id from claim where workspace_id is not null returning workspace_id`,
    [place.presetId, plane.userId],
  );
  const id = rows[0]?.workspace_id ?? null;
  assert.equal(id, undone, "it is in its pool again");
  await client.query("commit");
  await refilled(2);
  await assertClaimed(id);
  await full();
  assert.equal(await count(place, "workspace_builds"), 3, "nothing was built for the one that was rolled back");

  // What nobody is told of is found by looking; once it is, the next look is two seconds away.
  await client.query("insert into unfinished_claims (workspace_id) values ($1)", [id]);
  await waitFor("a look for claims", async () => (await count(place, "unfinished_claims")) === 0, { intervalMs: 5 });
  await plane.claim();
  await refilled(3);
});

it("a daemon that was not there when the claim was committed does the rest when it starts", async (t) => {
  const place = await givenPlace(t);
  place.daemon.child.kill("SIGKILL");
  await place.daemon.exited();
  const id = await place.plane.claim();
  assert.equal(await place.plane.claim(), null);
  await (await place.start()).ready();
  await place.assertClaimed(id);
  await place.full();
});

it("a claim whose notification was lost is found within seconds", async (t) => {
  const place = await givenPlace(t);
  const { client, userId } = place.plane;
  const { rows } = await client.query<{ id: string }>(
    "update workspaces set owner_id = $1, name = 'mine' where owner_id = $2 returning id",
    [userId, PREBUILDS_SYSTEM_USER_ID],
  );
  const id = rows[0]?.id ?? null;
  await client.query("insert into unfinished_claims (workspace_id) values ($1)", [id]);
  await place.assertClaimed(id);
  await place.full();
});
