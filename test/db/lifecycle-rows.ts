import type { TestContext } from "node:test";
import type pg from "pg";
import { systemClock } from "../../src/clock.ts";
import { createTestDatabase } from "../support/database.ts";
import { type GivenPool, givenPool, givenUser } from "../support/given.ts";
import { givenPrebuild } from "../support/given-prebuild.ts";

export const DEADLINE = new Date("2030-01-01T17:00:00Z");
export const LATER = new Date("2030-01-02T17:00:00Z");

export type Place = {
  readonly pool: pg.Pool;
  readonly given: GivenPool;
  readonly prebuild: string;
  readonly mine: string;
};

/** A prebuild and a workspace of a person's, each with a start that has succeeded. */
export async function setUp(t: TestContext): Promise<Place & { readonly person: string }> {
  const { pool } = await createTestDatabase(t);
  const context = { pool, clock: systemClock };
  const given = await givenPool(context);
  const person = await givenUser(context);
  const { id: prebuild } = await givenPrebuild(context, given);
  const { id: mine } = await givenPrebuild(context, given, { ownerId: person, initiatorId: person });
  return { pool, given, prebuild, mine, person };
}

export type Dates = { readonly deadline: Date | null; readonly maxDeadline: Date | null };

/** Adds builds with these deadlines to a workspace, all in one statement. */
export function insertBuilds({ pool, given }: Place, workspaceId: string, builds: readonly Dates[]): Promise<unknown> {
  return pool.query(
    `with b as materialized (
       select n, deadline, max_deadline, gen_random_uuid() as job_id
       from unnest($1::timestamptz[], $2::timestamptz[]) with ordinality as b (deadline, max_deadline, n)
     ), jobs as (
       insert into provisioner_jobs (id, organization_id, initiator_id, provisioner, type, input)
       select job_id, w.organization_id, w.owner_id, 'command', 'workspace_build', '{}'
       from b, workspaces w where w.id = $3
     )
     insert into workspace_builds (workspace_id, template_version_id, build_number, transition, initiator_id, job_id,
       deadline, max_deadline)
     select w.id, $4, w.latest_build_number + n, 'start', w.owner_id, job_id, deadline, max_deadline
     from b, workspaces w where w.id = $3 order by n desc`,
    [
      builds.map(({ deadline }) => deadline),
      builds.map(({ maxDeadline }) => maxDeadline),
      workspaceId,
      given.versionId,
    ],
  );
}

/** The deadline that stands beside a workspace. */
export async function latestDeadline(pool: pg.Pool, workspaceId: string): Promise<Date | null> {
  const { rows } = await pool.query("select latest_deadline from workspaces where id = $1", [workspaceId]);
  return rows[0].latest_deadline;
}
