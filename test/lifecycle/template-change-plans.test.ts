import assert from "node:assert/strict";
import { it } from "node:test";
import type pg from "pg";
import { loadWorld } from "../../bench/world.ts";
import { BEGIN, withTransaction } from "../../src/db/connection.ts";
import { recomputeLifecycle } from "../../src/lifecycle/recompute-store.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { NEW_TEMPLATE_LIFECYCLE } from "../../src/templates/lifecycle-settings.ts";
import { givenContext } from "../support/given.ts";
import { nodesOf, type PlanNode } from "../support/plans.ts";

const SIZE = { name: "test", pools: 100, members: 5, ordinary: 6_000 };
const BEFORE = NEW_TEMPLATE_LIFECYCLE;
/** Another template in all that concerns workspaces. */
const AFTER = {
  ...BEFORE,
  defaultTtlMs: 3_600_000,
  maxTtlMs: 7_200_000,
  timeTilDormantAutodeleteMs: 86_400_000,
  autostopRequirement: { days: 127, weeks: 1 },
  autostartDays: 31,
};

/** The same connection; what is to be run on it is explained first. */
function explaining(client: pg.PoolClient, plans: PlanNode[][]): pg.PoolClient {
  const query = async (text: string, values?: unknown[]) => {
    const { rows } = await client.query<{ "QUERY PLAN": [{ Plan: PlanNode }] }>(
      `explain (format json) ${text}`,
      values,
    );
    plans.push(...rows.map((row) => nodesOf(row["QUERY PLAN"][0].Plan)));
    return client.query(text, values);
  };
  return Object.assign(Object.create(client), { query });
}

it("workspaces follow their template in as many statements as there are rules, none of which reads all workspaces", async (t) => {
  const context = await givenContext(t);
  const { presets } = await loadWorld(context, SIZE);
  const templateId = presets[0]?.templateId ?? "";
  const counts: number[] = [];
  const follow = (owned: number) =>
    withTransaction(context.pool, BEGIN.readWrite, async (client) => {
      await client.query(
        `update workspaces set template_id = $1, autostart_schedule = '0 9 * * *', dormant_at = now()
         where id in (select id from workspaces where owner_id <> $2 and not deleted order by id limit $3)`,
        [templateId, PREBUILDS_SYSTEM_USER_ID, owned],
      );
      await client.query("analyze workspaces");
      const plans: PlanNode[][] = [];
      const change = { templateId, before: BEFORE, after: AFTER, now: context.clock.now() };
      const recomputed = await recomputeLifecycle(explaining(client, plans), change);
      assert.ok(
        Object.values(recomputed).every((count) => count > 0 && count <= SIZE.ordinary),
        JSON.stringify(recomputed),
      );
      counts.push(plans.length);
      return plans.flat();
    });
  for (const owned of [10, 300]) {
    const nodes = await follow(owned);
    const read = nodes.filter((node) => node["Node Type"] === "Seq Scan").map((node) => node["Relation Name"]);
    assert.deepEqual(
      read.filter((table) => table === "workspaces"),
      [],
      `${owned} workspaces`,
    );
  }
  assert.deepEqual(counts, [7, 7]);
});
