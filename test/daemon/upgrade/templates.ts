import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { stringify } from "yaml";
import { temporaryDirectory } from "../../support/daemon.ts";

/** How many prebuilds the pools of the template `box` have. */
export const POOLS = { small: 4, large: 2 } as const;

/** Templates on disk, and what their executables leave behind. */
export type Templates = {
  readonly applyFile: string;
  /** The source of `box`, as it is after so many changes. */
  boxSource(version: number): Promise<string>;
  /** Whether the start of a workspace of the template `slow` has begun so many times. */
  hasBegun(workspace: string, times: number): Promise<boolean>;
  /** Lets the start of that workspace end. */
  release(workspace: string): Promise<void>;
  /** Every run of an executable of `box`, as `workspace id, executable`. */
  runs(): Promise<string[]>;
  /** The ids of the workspaces of `box` that have a directory. */
  directories(): Promise<string[]>;
};

/** Writes three templates: `box` with two pools, `slow` whose starts wait, and `archive` with a pool of nothing. */
export async function writeTemplates(t: TestContext): Promise<Templates> {
  const directory = await temporaryDirectory(t);
  const made = join(directory, "made");
  await mkdir(made);
  await writeFile(join(directory, "runs"), "");
  const noted = (name: string, body: string) =>
    `#!/bin/sh\necho "$PREBUILDD_WORKSPACE_ID ${name}" >> ${directory}/runs\n${body}\n`;
  const home = `${made}/$PREBUILDD_WORKSPACE_ID`;

  async function source(name: string, executables: Readonly<Record<string, string>>): Promise<string> {
    await mkdir(join(directory, name));
    for (const [executable, text] of Object.entries(executables))
      await writeFile(join(directory, name, executable), text, { mode: 0o755 });
    return join(directory, name);
  }

  const boxSource = (version: number) =>
    source(`box-${version}`, {
      start: noted("start", `mkdir -p ${home} # version ${version}`),
      claim: noted("claim", `touch ${home}/claimed`),
      stop: noted("stop", ":"),
      delete: noted("delete", `rm -r ${home}`),
    });
  await source("slow", {
    start: `#!/bin/sh\nW=${directory}/$PREBUILDD_WORKSPACE_NAME\necho >> $W.begun\nwhile [ ! -e $W.go ]; do sleep 0.05; done\n`,
  });
  await source("archive", { start: "#!/bin/sh\n", delete: "#!/bin/sh\n" });
  await boxSource(1);

  const pool = (name: string, instances: number, ttl: string) => ({
    name,
    parameters: { size: name },
    prebuilds: { instances, expiration_policy: { ttl } },
  });
  const presets = [pool("small", POOLS.small, "24h"), pool("large", POOLS.large, "12h")];
  const applyFile = join(directory, "prebuildd.yaml");
  await writeFile(
    applyFile,
    stringify({
      organizations: [{ name: "default" }, { name: "lab", display_name: "The lab" }],
      users: [
        {
          username: "alice",
          roles: ["template-admin"],
          email: "alice@example.com",
          organizations: [{ name: "default" }],
        },
        { username: "bob", email: "bob@example.com", organizations: [{ name: "default" }, { name: "lab" }] },
      ],
      templates: [
        { name: "box", provisioner: "command", source: "./box-1", default_ttl: "8h", presets },
        { name: "slow", provisioner: "command", source: "./slow" },
        { name: "archive", provisioner: "command", source: "./archive", presets: [pool("quiet", 0, "24h")] },
      ],
    }),
  );
  return {
    applyFile,
    boxSource,
    async hasBegun(workspace, times) {
      const begun = await readFile(join(directory, `${workspace}.begun`), "utf8").catch(() => "");
      return begun.length >= times;
    },
    release: (workspace) => writeFile(join(directory, `${workspace}.go`), ""),
    runs: async () => (await readFile(join(directory, "runs"), "utf8")).split("\n").filter((line) => line !== ""),
    directories: () => readdir(made),
  };
}
