import assert from "node:assert/strict";
import { it } from "node:test";
import type { AuditFilter } from "../../src/audit/search.ts";
import { listAuditEntries } from "../../src/audit/store.ts";
import type { Visibility } from "../../src/rbac/visibility.ts";
import { explaining, type PlanNode } from "../support/plans.ts";
import { startTestServer } from "./server.ts";

const ENTRIES = 30_000;
/** Enough users and organizations for each to have a hundredth of the entries at most. */
const EACH = 100;

it("the audit log of one thing, user or organization is found and counted by an index, and never read whole", async (t) => {
  const { pool, admin } = await startTestServer(t);
  await pool.query(
    `with u as (
       insert into users (username, email) select 'u' || i, i || '@u' from generate_series(1, ${EACH}) i returning id),
     o as (insert into organizations (name) select 'o' || i from generate_series(1, ${EACH}) i returning id),
     who as (select array(select id from u) as users, array(select id from o) as organizations)
     insert into audit_logs (at, user_id, organization_id, action, resource_type, resource_id, resource_target)
     select now(), users[1 + i % ${EACH}], organizations[1 + i % ${EACH}], 'write', 'user', 'thing' || i / 3, 'x'
     from who, generate_series(1, ${ENTRIES}) i`,
  );
  await pool.query("vacuum analyze audit_logs");
  const everything: Visibility = {
    everything: true,
    userId: admin.id,
    organizationIds: [],
    ownIn: [],
    own: true,
    shared: { withUser: false, withGroups: [], groupsIn: [] },
    ids: null,
  };
  const { rows } = await pool.query<{ id: string }>("select id from organizations where name = 'o7'");
  const organizationIds = rows.map(({ id }) => id);
  const auditor = { ...everything, everything: false, organizationIds };

  /** The tables and indexes of the log that each statement about it reads. */
  async function readsOf(visible: Visibility, filter: Partial<AuditFilter>): Promise<[count: number, ...string[]]> {
    const plans: PlanNode[][] = [];
    const page = { limit: 10, offset: 0 };
    const { count } = await listAuditEntries(explaining(pool, plans), visible, { targets: [], ...filter }, page);
    const reads = plans.map((nodes) =>
      nodes
        .filter((node) => (node["Index Name"] ?? node["Relation Name"])?.startsWith("audit_logs"))
        .map((node) => node["Index Name"] ?? node["Node Type"])
        .join(" "),
    );
    return [count, ...reads.filter((read) => read !== "")];
  }

  const [found, ...reads] = await readsOf(everything, {});
  assert.deepEqual([found, reads[0]], [ENTRIES, "audit_logs_pkey"]);
  // What fits on one page is not counted.
  assert.deepEqual(await readsOf(everything, { resource_id: "thing7" }), [3, "audit_logs_resource_id"]);
  for (const [index, visible, filter] of [
    ["audit_logs_user_id", everything, { username: "u7" }],
    ["audit_logs_organization_id", everything, { organization: "o7" }],
    ["audit_logs_organization_id", auditor, {}],
  ] as const) {
    const [count, page, counting, ...others] = await readsOf(visible, filter);
    assert.deepEqual([count, others], [ENTRIES / EACH, []]);
    assert.ok(counting?.includes(index), counting);
    for (const read of [page, counting]) assert.ok(!read?.includes("Seq Scan"), read);
  }
});
