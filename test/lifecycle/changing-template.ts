import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { BEGIN, withTransaction } from "../../src/db/connection.ts";
import type { TemplateLifecycle } from "../../src/lifecycle/facts.ts";
import { recomputeLifecycle } from "../../src/lifecycle/recompute-store.ts";
import { NEW_TEMPLATE_LIFECYCLE } from "../../src/templates/lifecycle-settings.ts";
import { givenContext, givenPool, givenUser } from "../support/given.ts";
import { givenPrebuild } from "../support/given-prebuild.ts";

export const HOUR_MS = 3_600_000;
/** When templates change: on a Wednesday. */
const NOW = new Date("2024-01-03T10:00:00Z");
/** So many hours from then. */
export const hours = (count: number) => new Date(NOW.getTime() + count * HOUR_MS);

/** A workspace: a person's, started an hour ago, unless it says otherwise. */
export type GivenWorkspace = {
  readonly template?: Awaited<ReturnType<typeof givenPool>>;
  readonly ownerId?: string;
  readonly quietHours?: string;
  readonly ttlHours?: number;
  readonly schedule?: string;
  readonly dormantAt?: Date;
  readonly transition?: "start" | "stop";
  readonly status?: "succeeded" | "failed" | "running";
  readonly startedAt?: Date;
  readonly deadline?: Date;
  readonly maxDeadline?: Date;
  readonly deleted?: boolean;
};

type Row = {
  readonly ttlHours: number | null;
  readonly next_start_at: Date | null;
  readonly deleting_at: Date | null;
  readonly deadline: Date | null;
  readonly max_deadline: Date | null;
  /** The transactions that have written the workspace and its build last. */
  readonly written: string;
};

/** A template whose changes workspaces follow. */
export async function givenChangingTemplate(t: TestContext) {
  const context = await givenContext(t, { clock: { now: () => NOW } });
  const template = await givenPool(context);
  const { pool } = context;

  const workspace = async (given: GivenWorkspace = {}): Promise<string> => {
    const ownerId = given.ownerId ?? (await givenUser(context));
    if (given.quietHours !== undefined) {
      await pool.query("update users set quiet_hours_schedule = $2 where id = $1", [ownerId, given.quietHours]);
    }
    const { transition = "start", status = "succeeded", startedAt = hours(-1) } = given;
    const build = { ownerId, transition, status, createdAt: startedAt, endedAt: startedAt };
    const { id } = await givenPrebuild(context, given.template ?? template, build);
    await pool.query(
      "update workspaces set ttl = $2::bigint * 3600000000000, autostart_schedule = $3, dormant_at = $4, deleted = $5 where id = $1",
      [id, given.ttlHours ?? null, given.schedule ?? null, given.dormantAt ?? null, given.deleted ?? false],
    );
    await pool.query(
      "update workspace_builds b set deadline = $2, max_deadline = $3 from workspaces w where w.id = $1 and b.id = w.latest_build_id",
      [id, given.deadline ?? null, given.maxDeadline ?? null],
    );
    return id;
  };
  const read = async (id: string): Promise<Row> => {
    const { rows } = await pool.query<Row>(
      `select w.ttl::float8 / 3600000000000 as "ttlHours", w.next_start_at, w.deleting_at, b.deadline, b.max_deadline,
         w.xmin::text || ' ' || b.xmin::text as written
       from workspaces w join workspace_builds b on b.id = w.latest_build_id where w.id = $1`,
      [id],
    );
    return rows[0] ?? assert.fail("there is no such workspace");
  };
  const change = (before: Partial<TemplateLifecycle>, after: Partial<TemplateLifecycle>) =>
    withTransaction(pool, BEGIN.readWrite, (client) =>
      recomputeLifecycle(client, {
        templateId: template.templateId,
        before: { ...NEW_TEMPLATE_LIFECYCLE, ...before },
        after: { ...NEW_TEMPLATE_LIFECYCLE, ...before, ...after },
        now: NOW,
      }),
    );
  return { context, template, workspace, read, change, prebuild: () => givenPrebuild(context, template) };
}
