import { randomUUID } from "node:crypto";
import type { TestContext } from "node:test";
import type pg from "pg";
import { type Clock, systemClock } from "../../src/clock.ts";
import { readConfig } from "../../src/config.ts";
import type { Context, NotificationSettings, PoolSettings } from "../../src/context.ts";
import { createLogger } from "../../src/log.ts";
import { ensureDefaultOrganization } from "../../src/organizations/store.ts";
import { createClaimer } from "../../src/prebuilds/claim.ts";
import type { Driver } from "../../src/provisioner/driver.ts";
import { startWorker, type Worker, type WorkerOptions } from "../../src/provisioner/worker.ts";
import { createUser } from "../../src/users/store.ts";
import { createWake } from "../../src/wake.ts";
import { createDatabaseWithQueues } from "./database.ts";
import { createQueueForTest } from "./queue.ts";
import { waitFor } from "./wait-for.ts";

export const silent = createLogger("silent", process.stderr);

/** A daemon's context on a database of the test's own. */
export async function givenContext(
  t: TestContext,
  given: {
    clock?: Clock;
    poolSettings?: Partial<PoolSettings>;
    notifications?: Partial<NotificationSettings>;
  } = {},
): Promise<Context & { url: string }> {
  const { url, pool } = await createDatabaseWithQueues(t);
  const queue = createQueueForTest(pool, silent);
  t.after(() => queue[Symbol.asyncDispose]());
  await ensureDefaultOrganization(pool);
  const wake = createWake(pool, silent);
  t.after(() => wake.settled());
  const context = plainContext({ pool, queue, wake });
  return {
    ...context,
    url,
    clock: given.clock ?? systemClock,
    poolSettings: { ...context.poolSettings, ...given.poolSettings },
    notifications: { ...context.notifications, ...given.notifications },
  };
}

/** A context with the default settings, that logs nothing. */
export function plainContext({ pool, queue, wake }: Pick<Context, "pool" | "queue" | "wake">): Context {
  return {
    pool,
    queue,
    wake,
    clock: systemClock,
    log: silent,
    claimPrebuild: createClaimer({ pool, queue }),
    poolSettings: readConfig({}),
    workspaceSharingDisabled: false,
    aiBudgetPolicy: "highest",
    notifications: { windowMs: 0, channels: ["inbox"] },
  };
}

export type GivenPool = {
  readonly organizationId: string;
  readonly templateId: string;
  readonly versionId: string;
  readonly presetId: string;
};

/** A template with one active version and one preset of the desired size. */
export async function givenPool(
  context: Pick<Context, "pool">,
  given: {
    desired?: number | null;
    ttlSeconds?: number;
    defaultTtl?: number;
    parameters?: Record<string, string>;
  } = {},
): Promise<GivenPool> {
  const { pool } = context;
  const { id: organizationId } = await ensureDefaultOrganization(pool);
  const creator = await givenUser(context);
  const name = `template-${randomUUID().slice(0, 8)}`;
  const templateId = await idOf(
    pool,
    "insert into templates (organization_id, name, provisioner, default_ttl, created_by) values ($1, $2, 'command', $3, $4) returning id",
    [organizationId, name, given.defaultTtl ?? 0, creator],
  );
  const versionId = await givenVersion(context, templateId);
  const presetId = await idOf(
    pool,
    `insert into template_version_presets (template_version_id, name, desired_instances, invalidate_after_secs)
     values ($1, 'small', $2, $3) returning id`,
    [versionId, given.desired === undefined ? 1 : given.desired, given.ttlSeconds ?? null],
  );
  for (const [parameter, value] of Object.entries(given.parameters ?? {})) {
    await pool.query(
      "insert into template_version_preset_parameters (template_version_preset_id, name, value) values ($1, $2, $3)",
      [presetId, parameter, value],
    );
  }
  return { organizationId, templateId, versionId, presetId };
}

/** A new version of a template, which becomes the active one. */
export async function givenVersion({ pool }: Pick<Context, "pool">, templateId: string): Promise<string> {
  const name = randomUUID();
  const fileId = await idOf(
    pool,
    "insert into files (hash, mimetype, data, created_by) select $2, 'application/gzip', '', created_by from templates where id = $1 returning id",
    [templateId, name],
  );
  const versionId = await idOf(
    pool,
    `insert into template_versions (template_id, organization_id, name, file_id, created_by)
     select id, organization_id, $2, $3, created_by from templates where id = $1 returning id`,
    [templateId, name, fileId],
  );
  await pool.query("update templates set active_version_id = $2 where id = $1", [templateId, versionId]);
  return versionId;
}

/** A user who is a member of the default organization. */
export async function givenUser({ pool }: Pick<Context, "pool">): Promise<string> {
  const username = `user-${randomUUID().slice(0, 8)}`;
  const { id } = await createUser(pool, { username, email: `${username}@example.com` });
  const { id: organizationId } = await ensureDefaultOrganization(pool);
  await pool.query("insert into organization_members (organization_id, user_id) values ($1, $2)", [organizationId, id]);
  return id;
}

/** A driver that succeeds at once, unless the test says otherwise. */
export function givenDriver(given: Partial<Driver> = {}): Driver {
  return {
    build: async ({ transition }) => ({
      ok: true,
      state: null,
      agents: transition === "start" ? [{ name: "main", ready: true }] : [],
    }),
    isReady: async () => true,
    ...given,
  };
}

/** A worker on the given driver; it is stopped at the end of the test. */
export function givenWorker(
  t: TestContext,
  context: Context,
  given: Partial<WorkerOptions> & { driver?: Driver } = {},
): Worker {
  const worker = startWorker(context, {
    drivers: { command: given.driver ?? givenDriver() },
    sourceOf: async () => "/nonexistent",
    workspacesDir: "/nonexistent",
    concurrency: 4,
    ...given,
  });
  t.after(() => worker.drain(5_000));
  return worker;
}

/** Waits until no job is unfinished and no agent's readiness is open. */
export async function settled(context: Pick<Context, "pool">): Promise<void> {
  await waitFor("all builds to end", async () => {
    const { rows } = await context.pool.query<{ settled: boolean }>(
      `select not exists (select from provisioner_jobs where completed_at is null)
         and not exists (select from workspace_agents where lifecycle_state = 'starting') as settled`,
    );
    return rows[0]?.settled;
  });
}

/** How many rows a query counts. */
export async function count({ pool }: Pick<Context, "pool">, from: string, values: unknown[] = []): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(`select count(*)::int as count from ${from}`, values);
  return rows[0]?.count ?? 0;
}

async function idOf(pool: pg.Pool, statement: string, values: unknown[]): Promise<string> {
  const { rows } = await pool.query<{ id: string }>(statement, values);
  const id = rows[0]?.id;
  if (id === undefined) throw new Error(`no row came back from: ${statement}`);
  return id;
}
