import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { parseEnv } from "node:util";
import { EXIT } from "../../src/cli/failure.ts";
import { readConfig } from "../../src/config.ts";
import { knownSettings } from "./support.ts";

const read = (file: string) => readFile(new URL(`../../deploy/systemd/${file}`, import.meta.url), "utf8");
const entryOf = (unit: string, key: string) => new RegExp(`^${key}=(.*)$`, "m").exec(unit)?.[1];

const hasSystemd = spawnSync("systemd-analyze", ["--version"]).status === 0;

it("systemd finds nothing wrong with the unit", {
  skip: hasSystemd ? false : "systemd-analyze is not on the PATH",
}, async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "prebuildd-unit-"));
  t.after(() => rm(directory, { recursive: true }));
  const unit = join(directory, "prebuildd.service");
  // It looks whether the program is there, which it is only where prebuildd is installed like that.
  await writeFile(unit, (await read("prebuildd.service")).replace(/^ExecStart=.*$/m, `ExecStart=${process.execPath}`));
  const { status, stdout, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", unit], { encoding: "utf8" });
  const ours = (stdout + stderr).split("\n").filter((line) => line.includes("prebuildd.service"));
  assert.deepEqual({ status, ours }, { status: 0, ours: [] });
});

it("the unit waits longer than the daemon takes to stop, and does not repeat a start with wrong settings", async () => {
  const unit = await read("prebuildd.service");
  const { shutdownTimeoutMs } = readConfig(parseEnv(await read("prebuildd.env.example")));
  assert.ok(Number(entryOf(unit, "TimeoutStopSec")) * 1_000 > shutdownTimeoutMs);
  assert.equal(entryOf(unit, "RestartPreventExitStatus"), String(EXIT.wrongUse));
  assert.equal(entryOf(unit, "Restart"), "on-failure");
});

it("the example of the unit's environment has settings that the daemon knows", async () => {
  const known = await knownSettings();
  const names = Object.keys(parseEnv(await read("prebuildd.env.example")));
  assert.deepEqual(
    names.filter((name) => !known.includes(name)),
    [],
  );
});
