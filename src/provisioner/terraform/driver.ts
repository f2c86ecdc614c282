import { createHash, randomUUID } from "node:crypto";
import { access, constants, mkdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { messageOf } from "../../errors.ts";
import { withDeadline } from "../../process/supervise.ts";
import type {
  BuildContext,
  BuildRequest,
  BuildResult,
  Driver,
  DriverContext,
  ImportRequest,
  ImportResult,
  Leftover,
  LeftoverContext,
} from "../driver.ts";
import type { HostEnvironment } from "../inherited.ts";
import { limitOutput } from "../output.ts";
import { versionOf } from "./binary.ts";
import { planIn, type Session } from "./commands.ts";
import { declarationsOf } from "./declarations.ts";
import { buildEnvironment, commonEnvironment, importEnvironment, otherParameters } from "./environment.ts";
import { executeBuild } from "./execute.ts";
import { clearLeftover, findLeftovers, removeOld } from "./leftovers.ts";
import { initAgain, type PreparedSource, type PreparerOptions, prepareSource, readRoot } from "./prepare.ts";
import { parameterNamesIn, problemWithValues } from "./root-module.ts";
import { fillRunDir } from "./run-dir.ts";
import { agentsOf, type State } from "./state.ts";
import { createTurns } from "./turns.ts";

const MINUTE = 60_000;
/** No import takes that long. */
const OLD_IMPORT_MS = 60 * MINUTE;

/** What builds and imports have in common. */
type CommonSession = Omit<Session, "env" | "parameters">;

export type TerraformDriverOptions = {
  /** The path of terraform or tofu. */
  readonly binary: string;
  /** The daemon's data directory; several processes may share it. */
  readonly dataDir: string;
  /** The variables that Terraform inherits beside the few that all templates do. */
  readonly inherit: readonly string[];
  /** How long a build may take; 30 minutes. */
  readonly timeoutMs?: number;
  /** How long an init may take, for which all others wait; 10 minutes. */
  readonly initTimeoutMs?: number;
  /** How long Terraform may go on after an interrupt before it is killed; 10 seconds. */
  readonly killGraceMs?: number;
  /** How long a command waits for the lock of a state; 30 seconds. */
  readonly lockTimeoutSeconds?: number;
  /** How long nothing must have touched what an attempt has left before it is looked at; 10 minutes. */
  readonly leftoverAgeMs?: number;
  /** Where what Terraform inherits comes from; the daemon's own environment. */
  readonly host?: HostEnvironment;
};

/**
 * The driver of templates that are Terraform configurations. Whatever backend they name, their state is kept in the
 * database: while a build runs, when it ends and when it fails. Terraform runs with a clean environment, and what it
 * prints is logged; values that it takes for sensitive it does not print.
 */
export function createTerraformDriver(options: TerraformDriverOptions): Driver {
  const { binary, inherit } = options;
  const timeoutMs = options.timeoutMs ?? 30 * MINUTE;
  const initTimeoutMs = options.initTimeoutMs ?? 10 * MINUTE;
  const killGraceMs = options.killGraceMs ?? MINUTE / 6;
  const leftoverAgeMs = options.leftoverAgeMs ?? 10 * MINUTE;
  const lockTimeoutSeconds = options.lockTimeoutSeconds ?? 30;
  // biome-ignore lint/style/noProcessEnv: not settings; PATH and the like, of which commonEnvironment takes what it lists
  const host = options.host ?? process.env;
  const directory = resolve(options.dataDir, "terraform");
  const common = { host, inherit, pluginCacheDir: join(directory, "plugins") };
  const workspaces = join(directory, "workspaces");
  const imports = join(directory, "imports");
  const inTurn = createTurns();
  let version: Promise<string> | undefined;

  /** How inits are done; a sentence says why they cannot be. */
  async function preparer(): Promise<PreparerOptions | string> {
    version ??= versionOf(binary, host);
    const known = await version.catch((error: unknown) => ({ problem: messageOf(error) }));
    if (typeof known !== "string") {
      version = undefined; // it may be there again for the next build
      return `${binary} cannot be run: ${known.problem}`;
    }
    const problem = await whyNotWritable(directory);
    if (problem !== undefined) return problem;
    const env = commonEnvironment(common);
    const { pluginCacheDir } = common;
    return { binary, version: known, directory, pluginCacheDir, env, killGraceMs, initTimeoutMs };
  }

  /** @param parameters the names that values of the source must not take the place of */
  async function prepare(
    sourceDir: string,
    parameters: readonly string[],
    context: DriverContext,
  ): Promise<PreparedSource> {
    const how = await preparer();
    if (typeof how === "string") return { ok: false, error: how };
    const prepared = await prepareSource(sourceDir, how, context);
    if (!prepared.ok) return prepared;
    const overruled = problemWithValues(await readRoot(prepared.directory), parameters);
    return overruled === undefined ? prepared : { ok: false, error: overruled };
  }

  /** Does work with a limited log and time. */
  async function within<T>(given: DriverContext, work: (session: CommonSession) => Promise<T>): Promise<T> {
    using deadline = withDeadline(given.signal, timeoutMs);
    const context = { signal: deadline.signal, log: limitOutput((line) => given.log(line)) };
    return await work({
      ...context,
      binary,
      killGraceMs,
      lockTimeoutSeconds,
      async init(runDir) {
        const how = await preparer();
        return typeof how === "string" ? how : await initAgain(runDir, how, context);
      },
      overdueMs: () => (deadline.passed ? timeoutMs : undefined),
    });
  }

  /** What all work on a workspace's directory needs. */
  const meansOf = (request: BuildRequest, session: CommonSession) => ({
    directory: join(workspaces, request.workspace.id),
    sessionFor(state: State | undefined) {
      const made = buildEnvironment(request, { ...common, agents: agentsOf(state), hash: sha256 });
      if (!made.ok) return { error: made.error };
      return { ...session, env: made.environment, parameters: otherParameters(request.parameters) };
    },
    prepare: () => prepare(request.sourceDir, Object.keys(request.parameters), session),
  });

  async function build(request: BuildRequest, context: BuildContext): Promise<BuildResult> {
    const problem = await whyNotWritable(directory);
    if (problem !== undefined) return { ok: false, state: request.state, error: problem };
    const { signal } = context;
    const output = "waiting until other work on what this workspace has here has ended";
    const onWait = () => context.log({ level: "info", stage: "state", output });
    const result = await inTurn(request.workspace.id, { signal, onWait }, () =>
      within(context, (session) => executeBuild({ request, context, waiting: session, ...meansOf(request, session) })),
    );
    return result ?? { ok: false, state: request.state, error: "terraform was canceled before it began" };
  }

  async function leftovers(): Promise<readonly Leftover[]> {
    await removeOld(imports, OLD_IMPORT_MS);
    return await findLeftovers(workspaces, leftoverAgeMs);
  }

  async function clear(request: BuildRequest, context: LeftoverContext): Promise<readonly string[] | undefined> {
    return await inTurn(request.workspace.id, { signal: context.signal, onWait: () => {} }, () =>
      within(context, (session) => {
        const means = meansOf(request, session);
        return clearLeftover({ request, context, ageMs: leftoverAgeMs, signal: session.signal, ...means });
      }),
    );
  }

  async function importSource({ sourceDir }: ImportRequest, context: DriverContext): Promise<ImportResult> {
    return await within(context, async (session) => {
      const prepared = await prepare(sourceDir, [], session);
      if (!prepared.ok) return prepared;
      const runDir = join(imports, randomUUID());
      try {
        await fillRunDir(runDir, prepared.directory, null);
        const env = importEnvironment(common);
        const planned = await planIn({ ...session, env, parameters: {} }, runDir, { destroy: false });
        if (!planned.ok) return { ok: false, error: withAdvice(planned.error) };
        const declared = declarationsOf(planned.plan);
        const overruled = problemWithValues(await readRoot(runDir), parameterNamesIn(declared));
        return overruled === undefined ? { ok: true, ...declared } : { ok: false, error: overruled };
      } finally {
        await rm(runDir, { recursive: true, force: true });
      }
    });
  }

  // Agents of Terraform templates report to nobody here: who has started has started.
  return { build, isReady: async () => true, importSource, leftovers, clearLeftover: clear };
}

/** Says why nothing can be kept in the directory, which is made if it is not there; undefined when it can. */
async function whyNotWritable(directory: string): Promise<string | undefined> {
  try {
    await mkdir(directory, { recursive: true });
    await access(directory, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return `${directory} cannot be written to (${messageOf(error)}): let the user that runs prebuildd write there`;
  }
}

/** What to do about an error that Terraform explains for somebody at a terminal. */
function withAdvice(error: string): string {
  if (!error.includes("No value for required variable")) return error;
  return `${error}: give each variable of the template a default, because a version is read without parameters`;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
