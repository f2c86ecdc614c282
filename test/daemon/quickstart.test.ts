import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startProcess } from "../support/daemon.ts";
import { waitFor } from "../support/wait-for.ts";

const run = promisify(execFile);
const repository = fileURLToPath(new URL("../..", import.meta.url));
const APPLY = ["run", "--apply", join(repository, "examples/quickstart/prebuildd.yaml")];

type PoolJson = { preset_id: string; preset_name: string; desired: number; eligible: number };
type WorkspaceJson = { id: string; claimed: boolean; name: string; owner_name: string };

it("the quickstart fills its pools on the embedded database, hands a workspace over, and refills", async (t) => {
  const daemon = await startProcess(t, APPLY);
  const prebuildd = async (...args: string[]) => {
    const env = { PATH: process.env["PATH"], PREBUILDD_DATA_DIR: daemon.dataDir };
    const { stdout } = await run(process.execPath, [join(repository, "src/main.ts"), ...args, "--json"], { env });
    return JSON.parse(stdout);
  };
  const pools = (): Promise<PoolJson[]> => prebuildd("status");
  const url = await daemon.ready();
  await daemon.logged("all pools are full");
  assert.equal((await stat(join(daemon.dataDir, "token"))).mode & 0o777, 0o600);
  assert.deepEqual(
    (await pools()).map(({ preset_name, desired, eligible }) => ({ preset_name, desired, eligible })),
    [
      { preset_name: "node", desired: 3, eligible: 3 },
      { preset_name: "python", desired: 1, eligible: 1 },
    ],
  );

  const workspace: WorkspaceJson = await prebuildd(
    "claim",
    "--template",
    "quickstart",
    "--preset",
    "node",
    "--name",
    "mine",
  );
  assert.deepEqual([workspace.claimed, workspace.name, workspace.owner_name], [true, "mine", "admin"]);
  const refilled = await waitFor(
    "the pool to be full again",
    async () => (await pools()).every((pool) => pool.eligible === pool.desired) || undefined,
  );
  assert.ok(refilled);

  const directory = join(daemon.dataDir, "workspaces", workspace.id);
  await waitFor("the claim to be personal", async () => {
    const config = await readFile(join(directory, ".git/config"), "utf8");
    return /name = admin/.test(config) || undefined;
  });
  const metrics = await (await fetch(`${url}/metrics`)).text();
  assert.match(
    metrics,
    /coderd_prebuilt_workspaces_desired\{template_name="quickstart",preset_name="node",organization_name="default"\} 3/,
  );
  assert.match(metrics, /prebuildd_leader 1/);

  await prebuildd("workspaces", "delete", "mine");
  await waitFor("the directory to be gone", () =>
    stat(directory).then(
      () => undefined,
      () => true as const,
    ),
  );

  daemon.child.kill("SIGTERM");
  assert.deepEqual(await daemon.exited(), { code: 0, signal: null });
  assert.doesNotMatch(JSON.stringify(daemon.logs), /"level":"(warn|error)"/, "nothing to worry about was logged");
});
