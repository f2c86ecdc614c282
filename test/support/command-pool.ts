import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type pg from "pg";
import { packSource } from "../../src/templates/sources.ts";
import { type GivenPool, givenPool } from "./given.ts";

export type CommandPool = GivenPool & {
  /** A directory that the executables know as $TEST_DIR. */
  readonly testDir: string;
  /** Changes what an executable does from its next run on. */
  write(executable: string, body: string): Promise<void>;
  /** Makes an empty file in the test's directory. */
  touch(name: string): Promise<void>;
};

/** A pool of one prebuild whose template runs the given shell scripts; scripts can be changed while it runs. */
export async function givenCommandPool(
  t: TestContext,
  pool: pg.Pool,
  scripts: Readonly<Record<string, string>>,
  given: Parameters<typeof givenPool>[1] = {},
): Promise<CommandPool> {
  const testDir = await mkdtemp(join(tmpdir(), "prebuildd-pool-"));
  const sourceDir = await mkdtemp(join(tmpdir(), "prebuildd-source-"));
  t.after(() => Promise.all([testDir, sourceDir].map((path) => rm(path, { recursive: true, force: true }))));
  const write = (executable: string, body: string) => writeFile(join(testDir, `${executable}.sh`), `${body}\n`);
  for (const [executable, body] of Object.entries(scripts)) {
    await write(executable, body);
    const stored = `#!/bin/sh\nTEST_DIR=${testDir}\n. "$TEST_DIR/${executable}.sh"\n`;
    await writeFile(join(sourceDir, executable), stored, { mode: 0o755 });
  }
  const { hash, data } = await packSource(sourceDir, "command");
  const made = await givenPool({ pool }, given);
  await pool.query(
    "update files set hash = $2, data = $3 where id = (select file_id from template_versions where id = $1)",
    [made.versionId, hash, data],
  );
  return { ...made, testDir, write, touch: (name) => writeFile(join(testDir, name), "") };
}
