import { readdir } from "node:fs/promises";
import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { ProblemError } from "../errors.ts";
import type { ProvisionerJobView } from "../provisioner/job-view.ts";
import type { PresetRow, TemplateVersionView, TemplateView } from "../templates/view.ts";
import { type Client, openClient } from "./client.ts";
import { findTemplate, type TemplateReference } from "./find.ts";
import { followLog } from "./follow-log.ts";
import { type Io, printJson, printLines } from "./io.ts";
import { formatTable } from "./table.ts";
import { oneLine } from "./words.ts";

/** Sources are up to ten megabytes, and the daemon may be far away. */
const PUSH_TIMEOUT_MS = 240_000;

type Provisioner = TemplateView["provisioner"];
type Options = {
  readonly directory: string;
  readonly organization: string;
  readonly provisioner?: Provisioner;
  readonly message?: string;
  readonly json?: boolean;
};

/** What a push has come to. */
type Pushed = {
  readonly job_id: string;
  /** Whether another version was the active one before. */
  readonly activated: boolean;
  readonly version: TemplateVersionView;
  readonly presets: readonly PresetRow[];
};

/** Adds `templates push`. */
export function addTemplatePushCommand(templates: Command, io: Io): void {
  templates
    .command("push")
    .description("make a version of a source directory, and the active one of the template")
    .argument("<template>", "the template's name; it is made if it is not there")
    .requiredOption("--directory <directory>", "the template's source")
    .option("--organization <organization>", "where the template is", "default")
    .addOption(
      new Option(
        "--provisioner <provisioner>",
        "what builds from the source; of a new template terraform when there are *.tf files, else command",
      ).choices(["command", "terraform"]),
    )
    .option("--message <text>", "what is new in this version")
    .option("--json", "print the version and its presets as JSON")
    .action(async (template: string, options: Options) => {
      const client = await openClient(io);
      const reference = { template, organization: options.organization };
      const before = await existing(client, reference);
      const job = await push(client, reference, before, options);
      const pushed = await outcome(io, client, reference, job, before);
      if (options.json) printJson(io, pushed);
      else printLines(io, describe(reference, pushed));
    });
}

async function existing(client: Client, reference: TemplateReference): Promise<TemplateView | undefined> {
  try {
    return await findTemplate(client, reference);
  } catch (error) {
    if (error instanceof ProblemError && error.kind === "not_found") return undefined;
    throw error;
  }
}

const organizationPath = ({ organization }: TemplateReference) => `/organizations/${encodeURIComponent(organization)}`;

async function push(
  client: Client,
  reference: TemplateReference,
  before: TemplateView | undefined,
  { directory, message, ...options }: Options,
): Promise<ProvisionerJobView> {
  const { packSource } = await import("../templates/sources.ts");
  const provisioner = options.provisioner ?? before?.provisioner ?? (await provisionerOf(directory));
  const { hash, data } = await packSource(resolve(directory), provisioner);
  const body = { source: { hash, archive: data.toString("base64") }, provisioner, message };
  const path = `${organizationPath(reference)}/templates/${encodeURIComponent(reference.template)}/push`;
  return client.send<ProvisionerJobView>("POST", path, JSON.stringify(body), { timeoutMs: PUSH_TIMEOUT_MS });
}

/** What a directory looks like; one that cannot be read is for whoever packs it to complain about. */
async function provisionerOf(directory: string): Promise<Provisioner> {
  const names = await readdir(directory).catch(() => []);
  return names.some((name) => /\.tf(\.json)?$/.test(name)) ? "terraform" : "command";
}

async function outcome(
  io: Io,
  client: Client,
  reference: TemplateReference,
  { id }: ProvisionerJobView,
  before: TemplateView | undefined,
): Promise<Pushed> {
  const path = `${organizationPath(reference)}/provisionerjobs/${id}`;
  const status = await followLog(io, client, `${path}/logs`, (line) => io.err(`${line}\n`));
  const left = `; the import goes on: \`prebuildd jobs cancel ${id}\` cancels it`;
  if (status === undefined) throw new ProblemError("unavailable", `stopped following the log${left}`);
  const job = await client.get<ProvisionerJobView>(path);
  const versionId = job.input.template_version_id;
  if (job.status !== "succeeded" || versionId === null) {
    throw new ProblemError("invalid", job.error ?? `the import has ended: ${job.status}`);
  }
  const [version, presets] = await Promise.all([
    client.get<TemplateVersionView>(`/templateversions/${versionId}`),
    client.get<PresetRow[]>(`/templateversions/${versionId}/presets`),
  ]);
  return { job_id: id, activated: before?.active_version_id !== versionId, version, presets };
}

function describe({ template }: TemplateReference, { activated, version, presets }: Pushed): string[] {
  const first = `${template}@${version.name} is the active version ${activated ? "now" : "already"}`;
  if (presets.length === 0) return [first, "it has no presets"];
  return [first, ...formatTable(HEADINGS, presets.map(rowOf))];
}

const HEADINGS = ["PRESET", "DEFAULT", "POOL", "PARAMETERS"];

function rowOf(preset: PresetRow): string[] {
  const size = preset.desired_prebuild_instances;
  return [
    oneLine(preset.name),
    preset.default ? "yes" : "",
    size === null ? "none" : String(size),
    oneLine(preset.parameters.map(({ name, value }) => `${name}=${value}`).join(" ")),
  ];
}
