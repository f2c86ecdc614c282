import assert from "node:assert/strict";
import { test } from "node:test";
import { DUE } from "../../src/lifecycle/due-store.ts";
import { UNSCHEDULED, WRONG, wrongQuery } from "../../src/lifecycle/repair-store.ts";
import { nodesOf, type PlanNode } from "../support/plans.ts";
import { givenWorkspaces } from "./given-workspaces.ts";
import { givenLifecycle, type LifecycleWorld } from "./support.ts";

const HOUR_NS = 3_600_000_000_000;
const LARGE = ["workspaces", "workspace_builds", "provisioner_jobs", "users"];

async function planOf({ context }: LifecycleWorld, text: string, values: unknown[]): Promise<PlanNode[]> {
  const { rows } = await context.pool.query(`explain (format json) ${text}`, values);
  return nodesOf(rows[0]["QUERY PLAN"][0].Plan);
}

test("what is due, and what is to be put right, is found among many workspaces by indexes alone", async (t) => {
  const settings = { failure_ttl: HOUR_NS, time_til_dormant: HOUR_NS, time_til_dormant_autodelete: HOUR_NS };
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", desired: 0, idle: true, template: settings });
  const soon = "2024-01-01T09:00Z";
  for (let owner = 0; owner < 80; owner += 1) {
    await givenWorkspaces(world, { count: 50, deadline: soon });
    await givenWorkspaces(world, { count: 50, transition: "stop", autostart: "0 9 * * *", nextStartAt: soon });
  }
  await givenWorkspaces(world, { count: 500, status: "failed" });
  await givenWorkspaces(world, { count: 500, dormantAt: "2024-01-01T07:30Z", deletingAt: "2024-01-01T08:30Z" });
  await world.context.pool.query(
    "insert into users (email, username) select i::text || '@x', i::text from generate_series(1, 2000) i",
  );
  await world.context.pool.query("analyze");

  const now = world.clock.now();
  const due = await planOf(world, DUE, [now, now]);
  const read = due.map((node) => node["Index Name"]);
  for (const rule of ["autostop", "autostart", "dormancy", "deletion"])
    assert.ok(read.includes(`workspaces_${rule}_due`), rule);
  const unscheduled = await planOf(world, `select w.id from workspaces w, templates t where ${UNSCHEDULED}`, []);
  assert.ok(read.includes("workspaces_running"), "those of suspended users");
  const found: [string, PlanNode[]][] = [
    ["due", due],
    ["unscheduled", unscheduled],
  ];
  for (const wrong of Object.keys(WRONG) as (keyof typeof WRONG)[]) {
    const none = "00000000-0000-0000-0000-000000000000";
    found.push([wrong, await planOf(world, wrongQuery(wrong), [none, 1_000, ...(wrong === "future" ? [now] : [])])]);
  }
  for (const [what, nodes] of found) {
    const whole = nodes.filter((node) => node["Node Type"] === "Seq Scan").map((node) => node["Relation Name"] ?? "");
    assert.deepEqual(
      whole.filter((table) => LARGE.includes(table)),
      [],
      what,
    );
  }
});
