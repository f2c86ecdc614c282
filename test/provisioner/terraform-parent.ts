import { createTerraformDriver } from "../../src/provisioner/terraform/driver.ts";
import { requestFor } from "./command-template.ts";

/** A process that builds a workspace and knows of no database; tests kill it, or run several of it at once. */
const [binary = "", dataDir = "", sourceDir = "", workspaceId = "w1"] = process.argv.slice(2);
const driver = createTerraformDriver({ binary, dataDir, inherit: [] });
const request = requestFor(sourceDir);
const result = await driver.build(
  { ...request, workspace: { ...request.workspace, id: workspaceId } },
  {
    signal: new AbortController().signal,
    log: ({ output }) => void process.stdout.write(`${output}\n`),
    keepState: async () => true,
    commitCost: async () => undefined,
  },
);
process.stdout.write(`${result.ok ? "succeeded" : result.error}\n`);
