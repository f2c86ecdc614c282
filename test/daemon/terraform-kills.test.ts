import assert from "node:assert/strict";
import { mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { stringify } from "yaml";
import { startProcess, temporaryDirectory } from "../support/daemon.ts";
import { emptyDatabase } from "../support/database.ts";
import { needsTerraform } from "../support/terraform.ts";
import { waitFor } from "../support/wait-for.ts";

/** How often the daemon is killed; 50 are the long form. */
const KILLS = Number(process.env["PREBUILDD_TEST_KILLS"] ?? 2);
/** Which moments they are. */
const SEED = Number(process.env["PREBUILDD_TEST_SEED"] ?? 7);
const POOL = 4;

/**
 * A machine that is outside: a directory, and in it a file that is made slowly. The state knows of the home before the
 * machine is begun, as it does of everything that a provider makes in one go.
 */
const TEMPLATE = `
variable "root" { type = string }
variable "prebuildd_workspace_id" { type = string }
resource "terraform_data" "home" {
  input = "\${var.root}/\${var.prebuildd_workspace_id}"
  provisioner "local-exec" {
    when    = destroy
    command = "sleep 0.2; rm -rf '\${self.output}'"
  }
}
resource "terraform_data" "machine" {
  input = terraform_data.home.output
  provisioner "local-exec" {
    command = "mkdir -p '\${self.input}'; sleep 0.6; touch '\${self.input}/machine'; sleep 0.2"
  }
}
`;

/** The same numbers for the same seed, from 0 to 1. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

it(
  `killing the daemon at ${KILLS} random moments of applies leaves no resource that no workspace owns`,
  needsTerraform,
  async (t) => {
    t.diagnostic(`PREBUILDD_TEST_KILLS=${KILLS} PREBUILDD_TEST_SEED=${SEED}`);
    const directory = await temporaryDirectory(t);
    const root = join(directory, "machines");
    await Promise.all([root, join(directory, "template")].map((path) => mkdir(path)));
    await writeFile(join(directory, "template/main.tf"), TEMPLATE);
    const applyFile = join(directory, "prebuildd.yaml");
    const preset = { name: "only", parameters: { root }, prebuilds: { instances: POOL } };
    await writeFile(
      applyFile,
      stringify({
        organizations: [{ name: "default" }],
        templates: [{ name: "box", provisioner: "terraform", source: "./template", presets: [preset] }],
      }),
    );
    const { url: databaseUrl, pool } = await emptyDatabase(t);
    const dataDir = await temporaryDirectory(t);
    const next = random(SEED);
    const start = () =>
      startProcess(t, ["run", "--apply", applyFile], {
        dataDir,
        env: { DATABASE_URL: databaseUrl, PREBUILDD_PROVISIONERS: "4", PREBUILDD_RECONCILIATION_INTERVAL: "500ms" },
      });
    const counted = async (statement: string) => (await pool.query<{ n: number }>(statement)).rows[0]?.n ?? 0;
    const underWay = () =>
      counted("select count(*)::int as n from provisioner_jobs where completed_at is null and started_at is not null");

    /** The workspaces in whose directories an apply or destroy is under way. */
    const applying = async () => {
      const all = await readdir(join(dataDir, "terraform/workspaces")).catch(() => []);
      const pids = await Promise.all(
        all.map((id) => stat(join(dataDir, "terraform/workspaces", id, ".prebuildd.pid")).catch(() => undefined)),
      );
      return pids.filter((pid) => pid !== undefined);
    };

    let hit = 0;
    for (let kill = 0; kill < KILLS; kill += 1) {
      const daemon = await start();
      await daemon.ready();
      // Everything is replaced, so that there is always something being made and something being removed.
      await pool.query("update template_version_presets set last_invalidated_at = now()");
      await waitFor("a build", async () => (await underWay()) > 0 || undefined, { timeoutMs: 30_000 });
      await delay(next() * 1_500); // a random moment is what is tried here
      hit += (await applying()).length > 0 ? 1 : 0;
      daemon.child.kill("SIGKILL");
      await daemon.exited();
    }

    const last = await start();
    await last.ready();
    const owned = "select count(*)::int as n from workspaces where not deleted";
    await waitFor("all builds to end", async () => (await underWay()) === 0 || undefined, { timeoutMs: 90_000 });
    const { rows } = await pool.query<{ id: string }>("select id from workspaces where not deleted");
    const machines = await readdir(root);
    assert.deepEqual(
      machines.filter((id) => !rows.some((row) => row.id === id)),
      [],
      "no machine without a workspace",
    );

    await pool.query("update template_version_presets set desired_instances = 0");
    await pool.query("notify prebuildd_pools");
    await waitFor("all prebuilds to be deleted", async () => (await counted(owned)) === 0 || undefined, {
      timeoutMs: 90_000,
    });
    assert.deepEqual(await readdir(root), [], "what is deleted is gone");
    assert.deepEqual(await readdir(join(dataDir, "terraform/workspaces")), [], "nothing is left to be adopted");
    const builds = await counted("select count(*)::int as n from provisioner_jobs");
    t.diagnostic(`${hit} of ${KILLS} kills hit an apply; ${builds} builds in all`);
  },
);
