import assert from "node:assert/strict";
import type { Context } from "../../src/context.ts";
import { givenPool, givenUser } from "./given.ts";
import { givenPrebuild } from "./given-prebuild.ts";

/** A workspace with all that was ever done to it: `start succeeded`, `delete pending`. */
export type History = { readonly id: string; readonly deleted: boolean; readonly builds: readonly string[] };

/** The histories of all workspaces by their template, the oldest workspace first. */
export async function readHistories({ pool }: Pick<Context, "pool">): Promise<ReadonlyMap<string, readonly History[]>> {
  const { rows } = await pool.query<History & { template: string }>(
    `select w.template_id as template, w.id, w.deleted,
       array_agg(b.transition || ' ' || j.job_status order by b.build_number) as builds
     from workspaces w
     join workspace_builds b on b.workspace_id = w.id
     join provisioner_jobs j on j.id = b.job_id
     group by w.id
     order by w.created_at, w.id`,
  );
  return Map.groupBy(
    rows.map(({ template, ...history }) => ({ template, ...history })),
    ({ template }) => template,
  );
}

/**
 * What became of a template's workspaces, in words: how many are new and wait for their first build, and what was done
 * to those that were there; empty when nothing was.
 */
export function changeOf(before: readonly History[], after: readonly History[]): string {
  const known = new Map(before.map((history) => [history.id, history]));
  const added = after.filter(({ id }) => !known.has(id));
  for (const { builds } of added) assert.deepEqual(builds, ["start pending"]);
  const done = after.flatMap(({ id, deleted, builds }) => {
    const old = known.get(id);
    if (!old) return [];
    const changed = builds.filter((build, index) => build !== old.builds[index]);
    return [...changed, ...(deleted && !old.deleted ? ["deleted"] : [])];
  });
  return [...(added.length > 0 ? [`${added.length} new`] : []), ...done].join(", ");
}

/** Ends all builds that wait or run: they succeed, and what they started is ready. */
export async function finishBuilds({ pool, clock }: Pick<Context, "pool" | "clock">): Promise<void> {
  const now = clock.now();
  const { rows } = await pool.query<{ id: string }>(
    `update provisioner_jobs set started_at = coalesce(started_at, $1), completed_at = $1
     where completed_at is null returning id`,
    [now],
  );
  const ids = rows.map(({ id }) => id);
  await pool.query(
    `insert into workspace_agents (job_id, lifecycle_state)
     select job_id, 'ready' from workspace_builds where job_id = any($1) and transition = 'start'`,
    [ids],
  );
  await pool.query(
    `update workspaces w set deleted = true from workspace_builds b
     where b.workspace_id = w.id and b.job_id = any($1) and b.transition = 'delete'`,
    [ids],
  );
}

/**
 * Puts workspaces there that no pass may touch: a stopped prebuild of another template that belongs to no pool, and a
 * person's workspace that runs. Returns what makes sure that nobody has.
 */
export async function givenBystanders(context: Pick<Context, "pool" | "clock">): Promise<() => Promise<void>> {
  const template = await givenPool(context, { desired: null });
  const userId = await givenUser(context);
  await givenPrebuild(context, template, { transition: "stop", presetId: null });
  await givenPrebuild(context, template, { ownerId: userId, initiatorId: userId });
  const before = (await readHistories(context)).get(template.templateId);
  assert.equal(before?.length, 2);
  return async () => assert.deepEqual((await readHistories(context)).get(template.templateId), before);
}
