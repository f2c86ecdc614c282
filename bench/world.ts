import type pg from "pg";
import type { Context } from "../src/context.ts";
import { ensureDefaultOrganization } from "../src/organizations/store.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../src/system-user.ts";
import { WORLD } from "./world-sql.ts";

/** How much there is: pools with so many ready prebuilds each, beside ordinary workspaces with three builds each. */
export type WorldSize = {
  readonly name: string;
  readonly pools: number;
  readonly members: number;
  readonly ordinary: number;
};

/** Everything that a subject needs to know of what was loaded. */
export type World = {
  readonly size: WorldSize;
  readonly organizationId: string;
  readonly presets: readonly { readonly id: string; readonly templateId: string }[];
  readonly userIds: readonly string[];
};

const SYSTEM = `'${PREBUILDS_SYSTEM_USER_ID}'::uuid`;
const CHANGING = "workspaces, workspace_builds, workspace_build_parameters, provisioner_jobs, pgboss.job";

/** Replaces all rows by those that a daemon would have made by now; nothing needs doing then. */
export async function loadWorld({ pool }: Pick<Context, "pool">, size: WorldSize): Promise<World> {
  const { id: organizationId } = await ensureDefaultOrganization(pool);
  const users = Math.max(10, Math.round(size.ordinary / 20));
  const settings = { ...size, users, organization: organizationId };
  await withoutTriggers(pool, async (client) => {
    for (const [name, value] of Object.entries(settings)) {
      await client.query("select set_config($1, $2, false)", [`bench.${name}`, String(value)]);
    }
    for (const statement of WORLD) await client.query(statement);
  });
  await pool.query("vacuum analyze");
  await pool.query("checkpoint").catch(() => {}); // not everyone may; the timings only vary more then
  const presets = await pool.query<{ id: string; templateId: string }>(
    `select p.id, v.template_id as "templateId" from template_version_presets p
     join template_versions v on v.id = p.template_version_id`,
  );
  const owners = await pool.query<{ id: string }>("select id from users where username like 'bench-%'");
  return { size, organizationId, presets: presets.rows, userIds: owners.rows.map(({ id }) => id) };
}

/** Undoes all claims and all prebuilds added since the world was loaded, and leaves no dead rows behind. */
export async function restoreWorld({ pool }: Pick<Context, "pool">): Promise<void> {
  await withoutTriggers(pool, async (client) => {
    await client.query("begin");
    await client.query(
      `create temporary table undone on commit drop as
       select w.id, o.id is null as added from workspaces w left join bench.prebuilds o on o.id = w.id
       where w.created_as_prebuild and (o.id is not null and w.latest_build_id <> o.latest_build_id
         or o.id is null and w.owner_id = ${SYSTEM})`,
    );
    await client.query(
      `create temporary table undone_builds on commit drop as
       select b.id, b.job_id from undone u join workspace_builds b on b.workspace_id = u.id
       where u.added or b.build_number > 1`,
    );
    await client.query("analyze undone, undone_builds");
    await client.query(
      "delete from workspace_build_parameters p using undone_builds u where p.workspace_build_id = u.id",
    );
    await client.query("delete from workspace_builds b using undone_builds u where b.id = u.id");
    await client.query("delete from provisioner_jobs j using undone_builds u where j.id = u.job_id");
    await client.query("delete from workspaces w using undone u where w.id = u.id and u.added");
    await client.query(
      `update workspaces w set owner_id = o.owner_id, name = o.name, updated_at = o.updated_at,
         last_used_at = o.last_used_at, autostart_schedule = o.autostart_schedule, next_start_at = o.next_start_at,
         ttl = o.ttl, automatic_updates = o.automatic_updates, latest_build_id = o.latest_build_id,
         latest_build_number = o.latest_build_number, latest_transition = o.latest_transition,
         latest_job_status = o.latest_job_status, agents_ready = o.agents_ready,
         lifecycle_build_id = o.lifecycle_build_id, latest_deadline = o.latest_deadline
       from undone u join bench.prebuilds o on o.id = u.id where w.id = u.id`,
    );
    await client.query("delete from pgboss.job");
    await client.query("update bench.ideal_pool set ready = true, owner_id = null where not ready");
    await client.query("commit");
  });
  await pool.query(`vacuum ${CHANGING}, bench.ideal_pool`);
}

/** Rows are loaded as they are: the triggers and foreign keys that would check each of them are switched off. */
async function withoutTriggers(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<void>): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query("set session_replication_role = replica");
    await work(client);
  } finally {
    client.release(true); // with its settings
  }
}
