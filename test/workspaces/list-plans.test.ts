import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it } from "node:test";
import { loadWorld } from "../../bench/world.ts";
import type { Queryable } from "../../src/db/connection.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import type { WorkspaceFilter } from "../../src/workspaces/search.ts";
import { listWorkspaces } from "../../src/workspaces/store.ts";
import { givenContext } from "../support/given.ts";

const SIZE = { name: "test", pools: 200, members: 5, ordinary: 6_000 };

type Node = {
  "Node Type": string;
  "Relation Name"?: string;
  "Index Name"?: string;
  "Index Cond"?: string;
  Filter?: string;
  Plans?: Node[];
};

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
    const shared = { withUser: true, withGroups: [randomUUID()], groupsIn: [world.organizationId] };
    const everything = { everything: true, organizationIds: [], userId, ownIn: [], own: true, shared, ids: null };
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
    const members = await planOf(context.pool, member, {}, page);
    const byOwner = members.filter((node) => node["Index Cond"] === `(owner_id = '${userId}'::uuid)`);
    assert.equal(byOwner.length, 1, "what is the member's is found once, for the page and for the count");
  });

  it("finds what is shared with a member by the indexes of what is shared, however much of it there is", async (t) => {
    const context = await givenContext(t);
    const { userIds, organizationId } = await loadWorld(context, SIZE);
    const [userId = ""] = userIds;
    const { rows } = await context.pool.query(
      "insert into groups (organization_id, name) values ($1, 'crew') returning id",
      [organizationId],
    );
    const groupId = rows[0].id;
    const visible = {
      ...{ everything: false, organizationIds: [], userId, ownIn: [organizationId], own: true, ids: null },
      shared: { withUser: true, withGroups: [groupId], groupsIn: [organizationId] },
    };
    const member = { awake: visible, dormant: visible };
    const page = { limit: 100, offset: 0 };
    const share = (count: number, column: string, ...ids: string[]) =>
      context.pool.query(
        `update workspaces set ${column} = $1 where id in (
           select id from workspaces where owner_id not in ($2, $3) and user_acl = '{}' and group_acl = '{}'
           order by id limit ${count})`,
        [Object.fromEntries(ids.map((id) => [id, "use"])), userId, PREBUILDS_SYSTEM_USER_ID],
      );
    const seen = async () => {
      const plan = await planOf(context.pool, member, {}, page);
      assert.equal(readsAll(plan), false);
      const indexes = new Set(plan.flatMap((node) => node["Index Name"] ?? []));
      const wanted = ["workspaces_pkey", "workspaces_shared_with_groups", "workspaces_shared_with_users"];
      assert.deepEqual(
        wanted.filter((name) => !indexes.has(name)),
        [],
      );
      const { workspaces, count } = await listWorkspaces(context.pool, member, {}, page);
      assert.equal(workspaces.length, Math.min(count, page.limit));
      return count;
    };
    const own = await seen();
    await share(1_000, "user_acl", randomUUID());
    await share(100, "group_acl", randomUUID());
    assert.equal(await seen(), own, "nothing is shared with the member");
    await context.pool.query("analyze workspaces");
    assert.equal(await seen(), own);
    await share(30, "user_acl", randomUUID(), userId);
    await share(15, "group_acl", groupId);
    await share(5, "group_acl", organizationId);
    assert.equal(await seen(), own + 50);
    await context.pool.query("analyze workspaces");
    assert.equal(await seen(), own + 50);
  });

  it("looks up thousands that are shared with Everyone by their hash, not one by one in a list of ids", async (t) => {
    const context = await givenContext(t);
    const { userIds, organizationId } = await loadWorld(context, SIZE);
    const [userId = ""] = userIds;
    const shared = { withUser: true, withGroups: [], groupsIn: [organizationId] };
    const visible = {
      ...{ everything: false, organizationIds: [] as string[], userId, ownIn: [organizationId], own: true },
      ...{ ids: null, shared },
    };
    await context.pool.query(
      `update workspaces set group_acl = jsonb_build_object(organization_id::text, 'use')
        where id in (select id from workspaces where owner_id not in ($1, $2) order by id limit 4000)`,
      [userId, PREBUILDS_SYSTEM_USER_ID],
    );
    await context.pool.query("analyze workspaces");
    const page = { limit: 100, offset: 0 };
    const conditionsFor = async (one: typeof visible, other: typeof visible) => {
      const plan = await planOf(context.pool, { awake: one, dormant: other }, {}, page);
      const all = plan.flatMap((node) => Object.values(node).filter((value) => typeof value === "string"));
      assert.deepEqual(
        all.filter((text) => /ANY \(+(\$|InitPlan)/.test(text)),
        [],
      );
      const looks = plan.flatMap(({ Filter = "" }) => Filter).filter((text) => /w\.id = /.test(text));
      return looks.filter((text) => !/ANY \(w\.id = \(hashed SubPlan/.test(text));
    };
    const narrow = { ...visible, shared: { ...shared, withUser: false } };
    const administrator = { ...visible, organizationIds: [randomUUID()] };
    for (const [one, other] of [
      [visible, visible],
      [visible, narrow],
      [administrator, administrator],
      [administrator, visible],
    ] as const) {
      assert.deepEqual(await conditionsFor(one, other), []);
    }
    const { count } = await listWorkspaces(context.pool, { awake: visible, dormant: visible }, {}, page);
    assert.ok(count > 4_000);
  });
});
