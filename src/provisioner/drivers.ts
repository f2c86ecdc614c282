import type { Config } from "../config.ts";
import type { Logger } from "../log.ts";
import { createCommandDriver } from "./command/driver.ts";
import type { RunnerOptions } from "./runner.ts";
import { findTerraform } from "./terraform/binary.ts";
import { createTerraformDriver } from "./terraform/driver.ts";

/**
 * The drivers that this machine has what they need for.
 * @param options.killGraceMs how long what a build runs may go on after it was asked to end
 * @throws UsageError when the terraform of the settings cannot be run
 */
export async function findDrivers(
  config: Pick<Config, "terraformPath" | "terraformEnv">,
  { dataDir, killGraceMs, log }: { readonly dataDir: string; readonly killGraceMs: number; readonly log: Logger },
): Promise<RunnerOptions["drivers"]> {
  const command = createCommandDriver({ killGraceMs });
  // biome-ignore lint/style/noProcessEnv: not settings; where programs are found
  const found = await findTerraform({ path: config.terraformPath, host: process.env });
  if (!found) {
    log.debug("terraform templates cannot be built here: neither terraform nor tofu is on the PATH");
    return { command };
  }
  log.info(`terraform templates are built with ${found.path} ${found.version}`);
  const terraform = { binary: found.path, inherit: config.terraformEnv, dataDir, killGraceMs };
  return { command, terraform: createTerraformDriver(terraform) };
}
