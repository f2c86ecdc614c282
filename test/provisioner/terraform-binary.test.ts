import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { UsageError } from "../../src/errors.ts";
import { findTerraform } from "../../src/provisioner/terraform/binary.ts";
import { makeDirectory } from "./command-template.ts";

/** A directory with programs that tell these versions; undefined for one that does not work. */
async function givenPrograms(t: Parameters<typeof makeDirectory>[0], programs: Record<string, string | undefined>) {
  const directory = await makeDirectory(t);
  for (const [name, version] of Object.entries(programs)) {
    const answer = version === undefined ? "exit 1" : `echo '{"terraform_version": "${version}"}'`;
    await writeFile(join(directory, name), `#!/bin/sh\n${answer}\n`, { mode: 0o755 });
  }
  return directory;
}

test("terraform goes before tofu, and what does not work is passed over", async (t) => {
  const broken = await givenPrograms(t, { terraform: undefined });
  const tofu = await givenPrograms(t, { tofu: "1.9.0" });
  const both = await givenPrograms(t, { terraform: "1.11.4", tofu: "1.9.0" });
  const find = (...directories: string[]) => findTerraform({ path: undefined, host: { PATH: directories.join(":") } });
  assert.deepEqual(await find(tofu, both), { path: join(both, "terraform"), name: "terraform", version: "1.11.4" });
  assert.deepEqual(await find(broken, tofu), { path: join(tofu, "tofu"), name: "tofu", version: "1.9.0" });
  assert.equal(await find(broken), undefined);
});

test("the one that is named is used and no other, and must work", async (t) => {
  const both = await givenPrograms(t, { terraform: "1.11.4", mine: "1.8.0", broken: undefined });
  const host = { PATH: both };
  assert.equal((await findTerraform({ path: join(both, "mine"), host }))?.version, "1.8.0");
  for (const path of [join(both, "broken"), join(both, "nothing"), "/etc/passwd"]) {
    await assert.rejects(
      findTerraform({ path, host }),
      (error) => error instanceof UsageError && error.message.startsWith(`PREBUILDD_TERRAFORM_PATH is "${path}", but`),
    );
  }
});
