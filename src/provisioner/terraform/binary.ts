import { execFile } from "node:child_process";
import { basename, delimiter, join, resolve } from "node:path";
import { promisify } from "node:util";
import { messageOf, UsageError } from "../../errors.ts";
import { type HostEnvironment, inheritedVariables } from "../inherited.ts";

/** A Terraform, or what takes its place, that can be run. */
export type FoundTerraform = {
  readonly path: string;
  /** Which of the two it is by its file name. */
  readonly name: string;
  readonly version: string;
};

/** What is looked for on the PATH, in this order. */
const NAMES = ["terraform", "tofu"] as const;

const VERSION_TIMEOUT_MS = 30_000;

/**
 * Finds the Terraform that is used: the one that is named, else the first on the PATH; undefined when there is none.
 * @throws UsageError when the one that is named cannot be run
 */
export async function findTerraform(options: {
  readonly path: string | undefined;
  readonly host: HostEnvironment;
}): Promise<FoundTerraform | undefined> {
  const { path, host } = options;
  if (path !== undefined) {
    try {
      return await describe(resolve(path), host);
    } catch (error) {
      const why = messageOf(error).split("\n")[0];
      throw new UsageError(
        `PREBUILDD_TERRAFORM_PATH is ${JSON.stringify(path)}, but that cannot be run (${why}): name terraform or tofu`,
      );
    }
  }
  const directories = (inheritedVariables(host)["PATH"] ?? "").split(delimiter).filter((directory) => directory !== "");
  for (const name of NAMES) {
    for (const directory of directories) {
      const found = await describe(resolve(join(directory, name)), host).catch(() => undefined);
      if (found) return found;
    }
  }
  return undefined;
}

/** The version of a Terraform; an error says why it cannot be run. */
export async function versionOf(path: string, host: HostEnvironment): Promise<string> {
  const { stdout } = await promisify(execFile)(path, ["version", "-json"], {
    cwd: "/",
    env: { ...inheritedVariables(host), CHECKPOINT_DISABLE: "1" },
    timeout: VERSION_TIMEOUT_MS,
  });
  const answer: unknown = JSON.parse(stdout);
  const version = typeof answer === "object" && answer !== null && "terraform_version" in answer;
  if (!version || typeof answer.terraform_version !== "string") throw new Error("it does not tell its version");
  return answer.terraform_version;
}

async function describe(path: string, host: HostEnvironment): Promise<FoundTerraform> {
  return { path, name: basename(path), version: await versionOf(path, host) };
}
