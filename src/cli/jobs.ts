import { type Command, InvalidArgumentError } from "commander";
import { ProblemError, UsageError } from "../errors.ts";
import { JOB_STATUSES, type ProvisionerJobView } from "../provisioner/job-view.ts";
import { type Client, openClient } from "./client.ts";
import { type Io, printJson, printLines } from "./io.ts";
import { readAll } from "./pages.ts";
import { formatTable } from "./table.ts";
import { wholeNumber } from "./whole-number.ts";
import { instantText, oneLine } from "./words.ts";

const MAX_LISTED = 1_000;
const PAGE = 100;
/** Jobs that have ended cannot be canceled, and those that are being canceled are already. */
const CANCELABLE = ["pending", "running"] as const;

type Filter = { readonly organization: string; readonly status?: string; readonly initiator?: string };
type ListOptions = Filter & { readonly limit: number; readonly json?: boolean };
type CancelOptions = Filter & { readonly json?: boolean };

/** What became of jobs that were to be canceled, by their ids. */
type Canceled = {
  readonly canceled: string[];
  /** They have ended meanwhile, or somebody else cancels them. */
  readonly too_late: string[];
  readonly refused: string[];
};

/** Adds `jobs list|cancel`. */
export function addJobsCommand(program: Command, io: Io): void {
  const jobs = program.command("jobs").description("list and cancel provisioner jobs");
  const who = "only those that this user has asked for; `prebuilds` stands for the pools";

  jobs
    .command("list")
    .description("list the provisioner jobs of an organization, the newest first")
    .option("--organization <organization>", "whose jobs", "default")
    .option("--status <statuses>", `one or several of ${JOB_STATUSES.join(", ")}`, statuses(JOB_STATUSES))
    .option("--initiator <user>", who)
    .option("--limit <count>", `the most to list, up to ${MAX_LISTED}`, wholeNumber(MAX_LISTED), PAGE)
    .option("--json", "print them as JSON")
    .action(async (options: ListOptions) => {
      const client = await openClient(io);
      const query = new URLSearchParams({ ...queryOf(options), limit: String(options.limit) });
      const found = await client.get<ProvisionerJobView[]>(`${pathOf(options)}?${query}`);
      if (options.json) printJson(io, found);
      else printLines(io, found.length === 0 ? ["there are no such jobs"] : formatTable(HEADINGS, found.map(rowOf)));
    });

  jobs
    .command("cancel")
    .description("cancel one job, or all that match: builds and imports")
    .argument("[job]", "the job's id; without it, all that match the options")
    .option("--organization <organization>", "whose jobs", "default")
    .option("--status <statuses>", "pending, running or both; pending unless it is given", statuses(CANCELABLE))
    .option("--initiator <user>", who)
    .option("--json", "print what became of which job as JSON")
    .action(async (id: string | undefined, options: CancelOptions) => {
      const isFiltered = options.status !== undefined || options.initiator !== undefined;
      if ((id === undefined) !== isFiltered) {
        throw new UsageError(
          "say which jobs to cancel: either one by its id, or all that match --initiator and --status",
        );
      }
      const client = await openClient(io);
      if (id === undefined) await cancelMatching(io, client, options);
      else await cancelOne(io, client, id, options);
    });
}

async function cancelOne(io: Io, client: Client, id: string, options: CancelOptions): Promise<void> {
  const job = await client.get<ProvisionerJobView>(`${pathOf(options)}/${encodeURIComponent(id)}`);
  await cancel(client, options, job);
  if (options.json) printJson(io, { canceled: [job.id], too_late: [], refused: [] } satisfies Canceled);
  else printLines(io, [`canceled ${titleOf(job)}`]);
}

async function cancelMatching(io: Io, client: Client, options: CancelOptions): Promise<void> {
  // All are read first: what is canceled no longer matches, and would move the pages.
  const jobs = await readAll<ProvisionerJobView>(client, pathOf(options), { status: "pending", ...queryOf(options) });
  const outcome: Canceled = { canceled: [], too_late: [], refused: [] };
  const lines: string[] = [];
  let refusal: ProblemError | undefined;
  for (const job of jobs) {
    try {
      await cancel(client, options, job);
      outcome.canceled.push(job.id);
      lines.push(`canceled ${titleOf(job)}`);
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      if (error.kind === "conflict") outcome.too_late.push(job.id);
      else if (error.kind === "forbidden" || error.kind === "not_found") {
        outcome.refused.push(job.id);
        refusal ??= error;
      } else throw error;
    }
  }
  const late = outcome.too_late.length;
  if (options.json) printJson(io, outcome);
  else printLines(io, [...lines, `${lines.length} canceled${late > 0 ? `, ${late} too late` : ""}`]);
  if (refusal) {
    throw new ProblemError(refusal.kind, `${outcome.refused.length} not canceled: ${refusal.message}`);
  }
}

const cancel = (client: Client, filter: Filter, { id, input }: ProvisionerJobView): Promise<unknown> =>
  input.workspace_build_id === null
    ? client.send("POST", `${pathOf(filter)}/${id}/cancel`)
    : client.send("PATCH", `/workspacebuilds/${input.workspace_build_id}/cancel`);

const pathOf = ({ organization }: Filter) => `/organizations/${encodeURIComponent(organization)}/provisionerjobs`;

function queryOf({ status, initiator }: Filter): Record<string, string> {
  return { ...(status === undefined ? {} : { status }), ...(initiator === undefined ? {} : { initiator }) };
}

const statuses = (allowed: readonly string[]) => (given: string) => {
  if (given.split(",").every((word) => allowed.includes(word))) return given;
  throw new InvalidArgumentError(`It must be one or several of ${allowed.join(", ")}, separated by commas.`);
};

const titleOf = ({ metadata, id }: ProvisionerJobView) =>
  metadata.transition === null
    ? `the import of template ${metadata.template_name} (job ${id})`
    : `the ${metadata.transition} of ${metadata.workspace_owner_name}/${metadata.workspace_name} (job ${id})`;

const HEADINGS = ["CREATED", "STATUS", "BUILD", "WORKSPACE", "TEMPLATE", "INITIATOR", "ID", "ERROR"];

function rowOf({ metadata, ...job }: ProvisionerJobView): string[] {
  const { workspace_name: workspace, workspace_owner_name: owner, template_version_name: version } = metadata;
  return [
    instantText(job.created_at),
    job.status,
    metadata.transition ?? "import",
    workspace === null ? "" : `${owner}/${workspace}`,
    version === null ? metadata.template_name : `${metadata.template_name}@${version}`,
    job.initiator_name,
    job.id,
    oneLine(job.error ?? ""),
  ];
}
