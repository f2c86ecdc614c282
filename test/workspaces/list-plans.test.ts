import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { loadWorld } from "../../bench/world.ts";
import type { Queryable } from "../../src/db/connection.ts";
import type { WorkspaceFilter } from "../../src/workspaces/search.ts";
import { listWorkspaces } from "../../src/workspaces/store.ts";
import { givenContext } from "../support/given.ts";

const SIZE = { name: "test", pools: 200, members: 5, ordinary: 6_000 };

type Node = { "Node Type": string; "Relation Name"?: string; "Index Cond"?: string; Plans?: Node[] };

type Asked = Parameters<typeof listWorkspaces> extends [unknown, ...infer Rest] ? Rest : never;

const nodesOf = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

/** How the statement of a list is planned. */
async function planOf(db: Queryable, ...asked: Asked): Promise<Node[]> {
  let plan: Node[] = [];
  const explaining = {
    query: async (text: string, values: unknown[]) => {
      const { rows } = await db.query<{ "QUERY PLAN": [{ Plan: Node }] }>(`explain (format json) ${text}`, values);
      plan = rows.flatMap((row) => nodesOf(row["QUERY PLAN"][0].Plan));
      return { rows: [] };
    },
  };
  await listWorkspaces(explaining as unknown as Queryable, ...asked);
  return plan;
}

const readsAll = (plan: readonly Node[]) =>
  plan.some((node) => node["Node Type"] === "Seq Scan" && node["Relation Name"] === "workspaces");

describe("a list of workspaces", () => {
  it("finds what is asked for by owner and by template, and counts it, without reading all workspaces", async (t) => {
    const context = await givenContext(t);
    const world = await loadWorld(context, SIZE);
    const [userId = ""] = world.userIds;
    const everything = { everything: true, organizationIds: [], userId, ownIn: [], own: true, ids: null };
    const own = { ...everything, everything: false, ownIn: [world.organizationId] };
    // A site owner, a template admin, who sees of the dormant ones those that are theirs, and a member.
    const owner = { awake: everything, dormant: everything };
    const templateAdmin = { awake: everything, dormant: own };
    const member = { awake: own, dormant: own };
    const filters: WorkspaceFilter[] = [
      { owner: "bench-7" },
      { owner: "bench-7", name: "own" },
      { owner: "prebuilds" },
      { owner: "prebuilds", template: "template-3" },
      { template: "template-3" },
      { ids: [userId] },
    ];
    const page = { limit: 25, offset: 0 };
    for (const visible of [owner, templateAdmin, member]) {
      for (const filter of filters) {
        const plan = await planOf(context.pool, visible, filter, page);
        assert.equal(readsAll(plan), false, JSON.stringify([filter, visible]));
      }
    }
    const ofMember = await planOf(context.pool, member, {}, page);
    assert.equal(
      ofMember.some((node) => node["Node Type"] === "BitmapOr"),
      false,
      "nothing else is looked for",
    );
    const byOwner = ofMember.filter((node) => node["Index Cond"] === `(owner_id = '${userId}'::uuid)`);
    assert.equal(byOwner.length, 2, "both the page and the count begin with what is the member's");
  });
});
