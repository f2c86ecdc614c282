import { createHash, randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
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
import { buildEnvironment, commonEnvironment, importEnvironment } from "./environment.ts";
import { executeBuild } from "./execute.ts";
import { clearLeftover, findLeftovers, removeOld } from "./leftovers.ts";
import { type PreparedSource, prepareSource } from "./prepare.ts";
import { fillRunDir } from "./run-dir.ts";
import { agentsOf, type State } from "./state.ts";
import { createTurns } from "./turns.ts";

const MINUTE = 60_000;
/** No import takes that long. */
const OLD_IMPORT_MS = 60 * MINUTE;

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

  async function prepare(sourceDir: string, context: DriverContext): Promise<PreparedSource> {
    version ??= versionOf(binary, host);
    const known = await version.catch((error: unknown) => ({ problem: messageOf(error) }));
    if (typeof known !== "string") {
      version = undefined; // it may be there again for the next build
      return { ok: false, error: `${binary} cannot be run: ${known.problem}` };
    }
    const env = commonEnvironment(common);
    const { pluginCacheDir } = common;
    const how = { binary, version: known, directory, pluginCacheDir, env, killGraceMs, initTimeoutMs };
    return await prepareSource(sourceDir, how, context);
  }

  /** Does work with a limited log and time. */
  async function within<T>(given: DriverContext, work: (session: Omit<Session, "env">) => Promise<T>): Promise<T> {
    using deadline = withDeadline(given.signal, timeoutMs);
    return await work({
      binary,
      killGraceMs,
      lockTimeoutSeconds,
      signal: deadline.signal,
      log: limitOutput((line) => given.log(line)),
      overdueMs: () => (deadline.passed ? timeoutMs : undefined),
    });
  }

  /** What all work on a workspace's directory needs. */
  const meansOf = (request: BuildRequest, session: Omit<Session, "env">) => ({
    directory: join(workspaces, request.workspace.id),
    sessionFor(state: State | undefined) {
      const made = buildEnvironment(request, { ...common, agents: agentsOf(state), hash: sha256 });
      return made.ok ? { ...session, env: made.environment } : { error: made.error };
    },
    prepare: () => prepare(request.sourceDir, session),
  });

  async function build(request: BuildRequest, context: BuildContext): Promise<BuildResult> {
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
      const prepared = await prepare(sourceDir, session);
      if (!prepared.ok) return prepared;
      const runDir = join(imports, randomUUID());
      try {
        await fillRunDir(runDir, prepared.directory, null);
        const env = importEnvironment(common);
        const planned = await planIn({ ...session, env }, runDir, { destroy: false });
        if (planned.ok) return { ok: true, ...declarationsOf(planned.plan) };
        return { ok: false, error: withAdvice(planned.error) };
      } finally {
        await rm(runDir, { recursive: true, force: true });
      }
    });
  }

  // Agents of Terraform templates report to nobody here: who has started has started.
  return { build, isReady: async () => true, importSource, leftovers, clearLeftover: clear };
}

/** What to do about an error that Terraform explains for somebody at a terminal. */
function withAdvice(error: string): string {
  if (!error.includes("No value for required variable")) return error;
  return `${error}: give each variable of the template a default, because a version is read without parameters`;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
