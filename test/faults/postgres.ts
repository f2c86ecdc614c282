import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { startEmbeddedPostgres } from "../../src/db/embedded/server.ts";
import { createLogger, logDestination } from "../../src/log.ts";

/** A server that can be restarted; committed is committed, but for a machine that loses its power. */
export type RestartablePostgres = AsyncDisposable & {
  /** Where it listens now; another place after each restart. */
  readonly url: string;
  /** The path of its socket. */
  readonly socketPath: string;
  /** Ends the server, in order (`fast`) or as in a crash (`immediate`), and starts it again after a while. */
  restart(how: "fast" | "immediate", backAfter: Promise<unknown>): Promise<void>;
};

const SETTINGS = { fsync: "off", max_connections: "200", log_min_messages: "fatal" };
const SIGNALS = { fast: "SIGINT", immediate: "SIGQUIT" } as const;
const PORT = 5432;

/** Starts a server in a directory of its own. */
export async function startPostgres(dataDir: string): Promise<RestartablePostgres> {
  await mkdir(dataDir, { recursive: true, mode: 0o755 }); // as root, the server's own user must be able to enter it
  const log = createLogger("error", logDestination(process.stderr));
  const start = () => startEmbeddedPostgres({ dataDir, log, settings: SETTINGS });
  let server = await start();
  return {
    get url() {
      return server.url;
    },
    get socketPath() {
      return join(new URL(server.url).searchParams.get("host") ?? "", `.s.PGSQL.${PORT}`);
    },
    async restart(how, backAfter) {
      const pidFile = join(dataDir, "postgres", "postmaster.pid");
      const pid = Number.parseInt(await readFile(pidFile, "utf8"), 10);
      process.kill(pid, SIGNALS[how]);
      await server.failed;
      await server[Symbol.asyncDispose]();
      await backAfter;
      server = await start();
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
