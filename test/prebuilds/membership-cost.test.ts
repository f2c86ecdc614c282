import assert from "node:assert/strict";
import { it } from "node:test";
import type { Context } from "../../src/context.ts";
import type { Queryable } from "../../src/db/connection.ts";
import { givenContext } from "../support/given.ts";
import { GROUP, givenOrganization, readIncomplete, reconcile } from "../support/memberships.ts";

const never = new AbortController().signal;

type Node = {
  "Relation Name"?: string;
  "Actual Rows": number;
  "Actual Loops": number;
  "Rows Removed by Filter"?: number;
  Plans?: Node[];
};

const nodesOf = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

/** How many versions and presets the question what is missing reads, whether it needs them or not. */
async function versionsAndPresetsRead({ pool }: Pick<Context, "pool">): Promise<number> {
  let nodes: Node[] = [];
  const query = async (text: string, values: unknown[]) => {
    const { rows } = await pool.query(`explain (analyze, format json) ${text}`, values);
    nodes = nodesOf(rows[0]["QUERY PLAN"][0].Plan).filter((node) =>
      node["Relation Name"]?.startsWith("template_version"),
    );
    return pool.query(text, values);
  };
  await readIncomplete({ query } as unknown as Queryable);
  assert.ok(nodes.length > 0);
  const rowsOfOneLoop = (node: Node) => node["Actual Rows"] + (node["Rows Removed by Filter"] ?? 0);
  return nodes.reduce((sum, node) => sum + rowsOfOneLoop(node) * node["Actual Loops"], 0);
}

it("the versions of organizations that lack nothing are not read, however many there are", async (t) => {
  const context = await givenContext(t);
  const organizations = await Promise.all(Array.from({ length: 40 }, () => givenOrganization(context, 1)));
  await context.pool.query(
    `with versions as (
       insert into template_versions (template_id, organization_id, name, file_id, created_by)
       select v.template_id, v.organization_id, n::text, v.file_id, v.created_by
       from template_versions v, generate_series(1, 50) n returning id)
     insert into template_version_presets (template_version_id, name, desired_instances)
     select id, 'small', 1 from versions`,
  );
  await reconcile(context, never);
  await context.pool.query("vacuum analyze");
  assert.equal(await versionsAndPresetsRead(context), 0);

  await context.pool.query(
    "delete from group_members where group_id = (select id from groups where organization_id = $1 and name = $2)",
    [organizations[0]?.id, GROUP],
  );
  assert.ok((await versionsAndPresetsRead(context)) <= 2, "the first version with a pool is enough");
});
