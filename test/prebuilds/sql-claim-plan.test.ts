import assert from "node:assert/strict";
import { it } from "node:test";
import { loadWorld } from "../../bench/world.ts";
import { givenControlPlane } from "../support/control-plane.ts";
import { givenContext } from "../support/given.ts";

const SIZE = { name: "test", pools: 2, members: 500, ordinary: 4_000 };

type Node = { "Node Type": string; "Relation Name"?: string; "Index Name"?: string; Plans?: Node[] };
const nodesOf = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

it("a claim in SQL from a large pool takes the first entry of the index of claimable prebuilds", async (t) => {
  const context = await givenContext(t);
  const { presets } = await loadWorld(context, SIZE);
  for (const mode of ["force_custom_plan", "force_generic_plan"]) {
    await t.test(mode, async (t) => {
      const plane = await givenControlPlane(t, context, { presetId: presets[0]?.id ?? "" });
      const plans: Node[][] = [];
      plane.client.on("notice", ({ message = "" }) => {
        const [, plan] = /^duration: .*? plan:\s*(\{.*\})$/s.exec(message) ?? [];
        if (plan) plans.push(nodesOf(JSON.parse(plan).Plan));
      });
      // The only way to see the plans of the statements inside a function, as they are executed there.
      await plane.client.query(`load 'auto_explain'; set plan_cache_mode = ${mode}; set auto_explain.log_level = notice;
        set auto_explain.log_nested_statements = on; set auto_explain.log_format = json;
        set auto_explain.log_min_duration = 0; set client_min_messages = notice`);
      assert.ok(await plane.claim());
      assert.deepEqual(
        plans.flat().filter((node) => node["Node Type"] === "Seq Scan" && node["Relation Name"] === "workspaces"),
        [],
      );
      // Foreign keys lock rows, too, but in statements that change nothing.
      const claiming = plans.filter((nodes) => nodes[0]?.["Node Type"] === "ModifyTable");
      const locking = claiming.flat().find((node) => node["Node Type"] === "LockRows");
      assert.deepEqual(
        (locking ? nodesOf(locking) : []).map((node) => [node["Node Type"], node["Index Name"]]),
        [
          ["LockRows", undefined],
          ["Index Scan", "workspaces_claimable"],
        ],
      );
    });
  }
});
