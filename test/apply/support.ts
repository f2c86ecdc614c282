import { randomUUID } from "node:crypto";
import type pg from "pg";
import { type ApplyDocument, checkApplyDocument } from "../../src/apply/document.ts";
import type { ApplyResult } from "../../src/apply/execute.ts";
import { systemClock } from "../../src/clock.ts";
import { readConfig } from "../../src/config.ts";
import type { Context } from "../../src/context.ts";
import { createLogger } from "../../src/log.ts";
import { createClaimer } from "../../src/prebuilds/claim.ts";
import type { BuildQueue } from "../../src/provisioner/queue.ts";

/** A context for applying, which queues no work; it counts how often the pools are woken. */
export function applyContext(pool: pg.Pool): Context & { readonly woken: { count: number } } {
  const woken = { count: 0 };
  const wake = {
    pools: () => {
      woken.count += 1;
    },
    jobs: () => {},
    cancel: () => {},
    metrics: () => {},
    settled: async () => {},
  };
  const queue = {} as BuildQueue;
  const poolSettings = readConfig({});
  const claimPrebuild = createClaimer({ pool, queue });
  const log = createLogger("silent", process.stderr);
  return {
    pool,
    queue,
    wake,
    clock: systemClock,
    log,
    poolSettings,
    workspaceSharingDisabled: false,
    aiBudgetPolicy: "highest",
    claimPrebuild,
    notifications: { windowMs: 0, channels: [] },
    woken,
  };
}

/** The user in whose name a test applies. */
export async function insertInitiator(pool: pg.Pool): Promise<string> {
  const id = randomUUID();
  await pool.query(
    "insert into users (id, username, email, rbac_roles) values ($1, 'root', 'root@example.com', '{owner}')",
    [id],
  );
  return id;
}

/** A source whose hash differs with `seed`; its archive is not a real one, for applying never unpacks it. */
export function source(seed: string) {
  return { hash: seed.padEnd(64, "0"), archive: Buffer.from(`archive ${seed}`).toString("base64") };
}

/** A document with one template `devbox` of two presets; `change` alters the template. */
export function devbox(change: Record<string, unknown> = {}): ApplyDocument {
  return document({
    organizations: [{ name: "default" }, { name: "lab", display_name: "The lab" }],
    users: [
      { username: "alice", email: "alice@example.com" },
      {
        username: "bob",
        email: "bob@example.com",
        roles: ["auditor"],
        organizations: [{ name: "lab", roles: ["organization-admin"] }],
      },
    ],
    templates: [
      {
        name: "devbox",
        provisioner: "command",
        source: source("a1"),
        default_ttl: "8h",
        presets: [small(), { name: "plain", parameters: { size: "plain" } }],
        ...change,
      },
    ],
  });
}

/** The preset `small`; `prebuilds` replaces its settings for prebuilds. */
export function small(prebuilds: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    name: "small",
    parameters: { size: "small", cores: 2 },
    prebuilds: {
      instances: 3,
      expiration_policy: { ttl: "24h" },
      scheduling: {
        timezone: "Europe/Berlin",
        schedule: [
          { cron: "* 8-18 * * 1-5", instances: 10 },
          { cron: "* 8-12 * * 6", instances: 5 },
        ],
      },
      ...prebuilds,
    },
  };
}

/** A checked document. */
export function document(raw: unknown): ApplyDocument {
  const checked = checkApplyDocument(raw);
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  return checked.value;
}

/** The objects that were created or updated, as `change kind name [settings]`. */
export function changes(result: ApplyResult): string[] {
  return result.objects
    .filter(({ change }) => change !== "unchanged")
    .map(({ change, kind, name, settings }) => [`${change} ${kind} ${name}`, ...settings].join(" "));
}

const TABLES = [
  "organizations",
  "groups",
  "users",
  "organization_members",
  "files",
  "templates",
  "template_versions",
  "template_version_parameters",
  "template_version_presets",
  "template_version_preset_parameters",
  "template_version_preset_prebuild_schedules",
];

/** Every row of the tables that an apply writes, with the transaction that wrote it last. */
export async function allRows(pool: pg.Pool): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const table of TABLES) {
    const { rows } = await pool.query<{ row: string }>(
      `select xmin || ' ' || t::text as row from ${table} t order by 1`,
    );
    found[table] = rows.map(({ row }) => row);
  }
  return found;
}
