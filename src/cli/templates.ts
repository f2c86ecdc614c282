import type { Command } from "commander";
import type { Invalidated } from "../prebuilds/control-store.ts";
import { openClient } from "./client.ts";
import { findTemplate } from "./find.ts";
import { type Io, printJson, printLines } from "./io.ts";

type Answer = { readonly invalidated: readonly Invalidated[] };

/** Adds `templates invalidate`. */
export function addTemplatesCommand(program: Command, io: Io): void {
  program
    .command("templates")
    .description("invalidate the prebuilds of a template")
    .command("invalidate")
    .description("make all prebuilds of the active version expire now, so that they are replaced")
    .argument("<template>", "the template's name")
    .option("--organization <organization>", "where the template is", "default")
    .option("--json", "print the presets as JSON")
    .action(async (template: string, options: { readonly organization: string; readonly json?: boolean }) => {
      const client = await openClient(io);
      const { id } = await findTemplate(client, { template, organization: options.organization });
      const answer = await client.send<Answer>("POST", `/templates/${id}/prebuilds/invalidate`, "{}");
      if (options.json) printJson(io, answer);
      else printLines(io, describe(template, answer));
    });
}

function describe(template: string, { invalidated }: Answer): string[] {
  if (invalidated.length === 0) return [`template ${template} has no presets, so nothing is invalidated`];
  return [
    ...invalidated.map((one) => `invalidated ${one.template_name}@${one.template_version_name}: ${one.preset_name}`),
    "prebuilds from before now are being replaced",
  ];
}
