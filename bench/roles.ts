import { reconcileSystemRoles } from "../src/organizations/reconcile.ts";
import { systemRolePermissions } from "../src/rbac/system-roles.ts";
import { type Bench, countQueries } from "./environment.ts";
import { interleave, ratioOf, spreadOf, timed } from "./measure.ts";
import { type Table, target } from "./report.ts";

const IDLE_TARGET_MS = 1_000;
const STALE_TARGET_MS = 5_000;

/** What a start costs with many organizations: to find that their roles are right, and to write all of them. */
export async function benchRoles(
  { context }: Bench,
  options: { organizations: number; rounds: number },
): Promise<Table> {
  const { pool } = context;
  await pool.query("truncate organizations cascade");
  await pool.query("insert into organizations (name) select 'o' || i from generate_series(1, $1::int) i", [
    options.organizations,
  ]);
  const counted = countQueries(pool);
  const seen = { idle: 0, stale: 0 };
  const { org, member } = systemRolePermissions("organization-member", false);
  const lists = [JSON.stringify(org), JSON.stringify(member)];

  async function reconcile(expected: number): Promise<{ ms: number; queries: number }> {
    counted.take();
    const { ms, result } = await timed(() => reconcileSystemRoles({ ...context, pool: counted.pool }));
    if (result.length !== expected) throw new Error(`${result.length} roles were written instead of ${expected}`);
    return { ms, queries: counted.take() };
  }

  const measured = await interleave(options.rounds, {
    baseline: async () => {
      await pool.query("vacuum custom_roles");
      const { ms } = await timed(() =>
        pool.query("update custom_roles set org_permissions = $1, member_permissions = $2, updated_at = now()", lists),
      );
      return ms;
    },
    idle: async () => {
      const { ms, queries } = await reconcile(0);
      seen.idle = queries;
      return ms;
    },
    placeholders: async () => {
      await pool.query("update custom_roles set org_permissions = '[]', member_permissions = '[]'");
      await pool.query("vacuum custom_roles");
      return (await reconcile(options.organizations)).ms;
    },
    stale: async () => {
      // Each in another way, so that none can be decided together with the others.
      await pool.query(
        `update custom_roles set member_permissions = member_permissions - 0 || jsonb_build_array(
           jsonb_build_object('negate', false, 'resource_type', 'workspace', 'action', id::text))`,
      );
      await pool.query("vacuum custom_roles");
      const { ms, queries } = await reconcile(options.organizations);
      seen.stale = queries;
      return ms;
    },
  });
  const row = (name: string, values: number[], most: number, details?: string) => {
    const value = spreadOf(values);
    return {
      name,
      unit: "ms" as const,
      value,
      ratio: ratioOf(values, measured.baseline),
      ...(details === undefined ? {} : { details }),
      target: target("ms", value.median, { most }),
    };
  };
  return {
    subject: "roles",
    title: `Reconciling the roles of ${options.organizations} organizations at a start`,
    baseline: "writing all of them with one bare statement",
    rows: [
      { name: "bare update", unit: "ms", value: spreadOf(measured.baseline) },
      row("nothing to do", measured.idle, IDLE_TARGET_MS, `${seen.idle} queries`),
      row("all empty", measured.placeholders, STALE_TARGET_MS),
      row("all stale, each differently", measured.stale, STALE_TARGET_MS, `${seen.stale} queries`),
    ],
  };
}
