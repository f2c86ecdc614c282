import type { Config } from "../config.ts";
import { connectOrStartEmbedded } from "../db/embedded/server.ts";
import { createLogger, type Logger, logDestination } from "../log.ts";

/** Hands `work` the database's URL; the embedded database is started for as long as it takes unless it is running. */
export async function withDatabaseUrl<T>(
  config: Config,
  work: (urls: { readonly url: string; readonly directUrl: string; readonly log: Logger }) => Promise<T>,
): Promise<T> {
  const log = createLogger(config.logLevel, logDestination(process.stderr));
  if (config.databaseUrl !== undefined) {
    return work({ url: config.databaseUrl, directUrl: config.databaseDirectUrl ?? config.databaseUrl, log });
  }
  await using embedded = await connectOrStartEmbedded({ dataDir: config.dataDir, log });
  return await work({ url: embedded.url, directUrl: embedded.url, log });
}
