import { startEmbeddedPostgres } from "../../src/db/embedded/server.ts";
import { createLogger } from "../../src/log.ts";

/** A process for a test to kill: it runs an embedded server, says where, and never ends by itself. */
const dataDir = process.argv[2] ?? "";
const server = await startEmbeddedPostgres({ dataDir, log: createLogger("warn", process.stderr) });
process.stdout.write(`${server.url}\n`);
setInterval(() => {}, 60_000);
