import type { Command } from "commander";
import type { AppliedObject } from "../apply/changes.ts";
import type { ApplyResult } from "../apply/execute.ts";
import { openClient } from "./client.ts";
import { type Io, printJson, printLines } from "./io.ts";

/** Sources are up to tens of megabytes, and the daemon may be far away. */
const APPLY_TIMEOUT_MS = 240_000;

/** Adds `apply -f FILE`. */
export function addApplyCommand(program: Command, io: Io): void {
  program
    .command("apply")
    .description("make the deployment say what a file says; what the file does not name is left alone")
    .requiredOption("-f, --file <file>", "the apply file, in YAML; its templates' sources are relative to it")
    .option("--json", "print what was done as JSON")
    .action(async (options: { readonly file: string; readonly json?: boolean }) => {
      const [{ loadApplyFile }, { applyDocumentJson }] = await Promise.all([
        import("../apply/load.ts"),
        import("../apply/document.ts"),
      ]);
      const loaded = await loadApplyFile(options.file);
      const client = await openClient(io);
      const result = await client
        .send<ApplyResult>("PUT", "/apply", applyDocumentJson(loaded.document), { timeoutMs: APPLY_TIMEOUT_MS })
        .catch((error: unknown) => {
          // The daemon speaks of fields; the person has lines of a file.
          throw loaded.placed(error);
        });
      if (options.json) printJson(io, result);
      else printLines(io, describe(result));
    });
}

function describe({ objects }: ApplyResult): string[] {
  const changed = objects.filter(({ change }) => change !== "unchanged");
  const unchanged = objects.length - changed.length;
  return [...changed.map(describeObject), `${changed.length} changed, ${unchanged} unchanged`];
}

function describeObject({ kind, name, change, settings }: AppliedObject): string {
  const what = settings.length > 0 ? ` (${settings.join(", ")})` : "";
  return `${change} ${kind.replace("_", " ")} ${name}${what}`;
}
