import type { Command } from "commander";
import type { Config } from "../config.ts";
import { UsageError } from "../errors.ts";
import { EXIT } from "./failure.ts";
import { REPEAT_MS } from "./interrupt.ts";
import type { Io } from "./io.ts";
import { addSettingFlags, configOf } from "./settings.ts";

/** Adds `run`. */
export function addRunCommand(program: Command, io: Io): void {
  const run = program
    .command("run")
    .description("run the daemon until it is told to stop")
    .option("--apply <file>", "apply this file before the daemon is ready");
  addSettingFlags(run, "all").action((options: { readonly apply?: string }) =>
    runUntilStopped(configOf(io, { ...options }), options.apply),
  );
}

/**
 * Runs the daemon until SIGTERM or SIGINT, then stops it in order. A second signal a while later, or more time than
 * the shutdown timeout, ends the process at once; what that interrupts is repaired by the next start.
 */
async function runUntilStopped(config: Config, applyFile: string | undefined): Promise<void> {
  if (config.workersOnly && applyFile !== undefined) {
    throw new UsageError(
      "--apply cannot be given where PREBUILDD_WORKERS_ONLY is set; apply the file with `prebuildd apply`",
    );
  }
  const [{ startDaemon }, { createLogger, logDestination, setLogLevel }] = await Promise.all([
    import("../daemon.ts"),
    import("../log.ts"),
  ]);
  const log = createLogger(config.logLevel, logDestination(process.stdout));
  const asked = Promise.withResolvers<void>();
  const stop = new AbortController();
  let firstAt: number | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    if (firstAt !== undefined) {
      if (performance.now() - firstAt > REPEAT_MS) process.exit(EXIT.failed);
      return;
    }
    firstAt = performance.now();
    log.info({ signal }, "stopping");
    setTimeout(() => {
      log.error({ timeoutMs: config.shutdownTimeoutMs }, "could not stop in time; ending at once");
      process.exit(EXIT.failed);
    }, config.shutdownTimeoutMs).unref();
    stop.abort();
    asked.resolve();
  };
  // Debug, and with the next signal what was configured.
  const onSwitch = (signal: NodeJS.Signals) => {
    setLogLevel(log, log.level === "debug" ? config.logLevel : "debug", { signal });
  };
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal).on("SIGUSR2", onSwitch);
  try {
    await using daemon = await startDaemon(config, { log, applyFile, signal: stop.signal });
    const failure = await Promise.race([asked.promise, daemon.failed]);
    if (failure) throw failure;
  } catch (error) {
    // What was given up because of the signal did not fail.
    if (error !== stop.signal.reason) throw error;
  } finally {
    process.off("SIGTERM", onSignal).off("SIGINT", onSignal).off("SIGUSR2", onSwitch);
  }
  log.info("stopped");
}
