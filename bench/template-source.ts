import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type pg from "pg";
import { packSource } from "../src/templates/sources.ts";

/** Gives all templates of the world a source whose `start` is this shell script; what is loaded has none to build. */
export async function giveSource(pool: pg.Pool, start: string): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "prebuildd-bench-"));
  try {
    await writeFile(join(directory, "start"), `#!/bin/sh\n${start}\n`, { mode: 0o755 });
    const { hash, data } = await packSource(directory, "command");
    await pool.query(
      `with source as (
         insert into files (hash, mimetype, data, created_by)
         select $1, mimetype, $2, created_by from files limit 1 returning id
       )
       update template_versions set file_id = source.id from source`,
      [hash, data],
    );
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
