import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type pg from "pg";
import { MEMBER_ROLE, systemRolePermissions } from "../../src/rbac/system-roles.ts";
import { type DaemonProcess, startProcess } from "../support/daemon.ts";
import { createDatabaseWithQueues } from "../support/database.ts";
import { waitFor } from "../support/wait-for.ts";

const OLD_RELEASE = fileURLToPath(new URL("./old-release.ts", import.meta.url));
const ALREADY_THERE = 1_000;

/** Starts the process that inserts organizations; the result stops it. */
async function startOldRelease(t: TestContext, url: string): Promise<() => Promise<void>> {
  const child = spawn(process.execPath, [OLD_RELEASE, url], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  await once(child.stdout, "data");
  return async () => {
    const exit = once(child, "exit");
    child.kill("SIGTERM");
    assert.deepEqual(await exit, [0, null]);
  };
}

/** Counts how often each role is changed after it was inserted. */
async function recordChanges(pool: pg.Pool): Promise<void> {
  await pool.query(
    `create table role_changes (role_id uuid);
     create function record_role_change() returns trigger language plpgsql as $$
     begin insert into role_changes values (new.id); return null; end $$;
     create trigger record_role_change after update on custom_roles for each row execute function record_role_change()`,
  );
}

/** How many organizations there are whose role is not exactly what the code says. */
async function countWrong(pool: pg.Pool): Promise<number> {
  const { org, member } = systemRolePermissions(MEMBER_ROLE, false);
  const { rows } = await pool.query<{ count: number }>(
    `select count(*)::int as count from organizations o where not exists (
       select from custom_roles r where r.organization_id = o.id and r.is_system and r.name = $1
         and r.org_permissions = $2 and r.member_permissions = $3)`,
    [MEMBER_ROLE, JSON.stringify(org), JSON.stringify(member)],
  );
  return rows[0]?.count as number;
}

it("while an old release inserts organizations, three daemons that start at once fill each one's role once, and that of a new one when it comes", async (t) => {
  const { url, pool } = await createDatabaseWithQueues(t);
  await recordChanges(pool);
  await pool.query("insert into organizations (name) select 'there-' || n from generate_series(1, $1) n", [
    ALREADY_THERE,
  ]);
  const stopOldRelease = await startOldRelease(t, url);
  const env = { DATABASE_URL: url, PREBUILDD_PROVISIONERS: "0" };
  const daemons = await Promise.all([1, 2, 3].map(() => startProcess(t, ["run"], { env })));
  for (const api of await Promise.all(daemons.map((daemon) => daemon.ready()))) {
    assert.equal((await fetch(`${api}/readyz`)).status, 200);
  }
  const leads = ({ logs }: DaemonProcess) => logs.some(({ msg }) => msg === "this replica leads now");
  await waitFor("a leader", () => daemons.find(leads));
  await waitFor("the leader to catch up for the first time", async () => {
    const { rows } = await pool.query(
      `select from custom_roles r join organizations o on o.id = r.organization_id
       where o.name like 'there-%' and r.org_permissions = '[]'`,
    );
    return rows.length === 0;
  });

  for (let round = 1; round <= 5; round += 1) {
    const { rows } = await pool.query<{ id: string }>("insert into organizations (name) values ($1) returning id", [
      `by-hand-${round}`,
    ]);
    const isFilled = async () => {
      const role = await pool.query(
        "select from custom_roles where organization_id = $1 and is_system and org_permissions <> '[]'",
        [rows[0]?.id],
      );
      return role.rowCount === 1;
    };
    // Without the notification it would take up to a minute.
    await waitFor("the leader to fill the role", isFilled, { intervalMs: 5 });
  }

  await stopOldRelease();
  await waitFor("every role to be right", async () => (await countWrong(pool)) === 0);
  const { rows } = await pool.query<{ organizations: number; by_old_release: number; once: number; more: number }>(
    `select count(*)::int as organizations, count(*) filter (where o.name like 'old-%')::int as by_old_release,
       count(*) filter (where c.times = 1)::int as once, count(*) filter (where c.times > 1)::int as more
     from organizations o join custom_roles r on r.organization_id = o.id
     left join (select role_id, count(*) as times from role_changes group by role_id) c on c.role_id = r.id`,
  );
  const [{ organizations, by_old_release, once: changedOnce, more } = assert.fail()] = rows;
  assert.ok(by_old_release > 20, `the old release has inserted ${by_old_release} organizations`);
  // All but the default organization, which a daemon has made, with its role filled.
  assert.deepEqual([organizations, changedOnce, more], [ALREADY_THERE + by_old_release + 5 + 1, organizations - 1, 0]);
  for (const daemon of daemons) {
    assert.deepEqual(
      daemon.logs.filter(({ level }) => level === "error" || level === "warn"),
      [],
    );
  }
});
