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
} from "../driver.ts";
import type { HostEnvironment } from "../inherited.ts";
import { limitOutput } from "../output.ts";
import { versionOf } from "./binary.ts";
import { planIn, type Session } from "./commands.ts";
import { declarationsOf } from "./declarations.ts";
import { buildEnvironment, commonEnvironment, importEnvironment } from "./environment.ts";
import { executeBuild } from "./execute.ts";
import { type PreparedSource, prepareSource } from "./prepare.ts";
import { fillRunDir } from "./run-dir.ts";
import { agentsOf } from "./state.ts";

const MINUTE = 60_000;

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
  const lockTimeoutSeconds = options.lockTimeoutSeconds ?? 30;
  // biome-ignore lint/style/noProcessEnv: not settings; PATH and the like, of which commonEnvironment takes what it lists
  const host = options.host ?? process.env;
  const directory = resolve(options.dataDir, "terraform");
  const common = { host, inherit, pluginCacheDir: join(directory, "plugins") };
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

  async function build(request: BuildRequest, context: BuildContext): Promise<BuildResult> {
    return await within(context, (session) =>
      executeBuild({
        request,
        context,
        directory: join(directory, "workspaces", request.workspace.id),
        waiting: session,
        sessionFor(state) {
          const made = buildEnvironment(request, { ...common, agents: agentsOf(state), hash: sha256 });
          return made.ok ? { ...session, env: made.environment } : { error: made.error };
        },
        prepare: () => prepare(request.sourceDir, session),
      }),
    );
  }

  async function importSource({ sourceDir }: ImportRequest, context: DriverContext): Promise<ImportResult> {
    return await within(context, async (session) => {
      const prepared = await prepare(sourceDir, session);
      if (!prepared.ok) return prepared;
      const runDir = join(directory, "imports", randomUUID());
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
  return { build, isReady: async () => true, importSource };
}

/** What to do about an error that Terraform explains for somebody at a terminal. */
function withAdvice(error: string): string {
  if (!error.includes("No value for required variable")) return error;
  return `${error}: give each variable of the template a default, because a version is read without parameters`;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
