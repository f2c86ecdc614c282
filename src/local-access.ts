import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type pg from "pg";
import type { Clock } from "./clock.ts";
import { createToken, isSecretOf } from "./users/tokens/create.ts";
import { parseToken } from "./users/tokens/format.ts";
import { findToken } from "./users/tokens/store.ts";

/** The files below the data directory by which commands on the same machine find the daemon and get in. */
export const localFiles = (dataDir: string) => ({ url: join(dataDir, "url"), token: join(dataDir, "token") });

/** Leaves URL and token for commands on this machine; the URL goes away with the daemon, the token stays. */
export async function provideLocalAccess(options: {
  readonly pool: pg.Pool;
  readonly dataDir: string;
  readonly url: string;
  readonly userId: string;
  readonly clock: Clock;
}): Promise<AsyncDisposable> {
  const files = localFiles(options.dataDir);
  await mkdir(options.dataDir, { recursive: true });
  if (!(await hasToken(options.pool, files.token, options.clock.now()))) {
    const token = await createToken(options.pool, { userId: options.userId, name: "local" });
    await rm(files.token, { force: true }); // an existing file would keep its mode
    await writeFile(files.token, `${token}\n`, { mode: 0o600 });
  }
  await writeFile(files.url, `${options.url}\n`);
  return { [Symbol.asyncDispose]: () => rm(files.url, { force: true }) };
}

/** Whether the file holds a token that is good now; the database may be another one than last time. */
async function hasToken(pool: pg.Pool, file: string, now: Date): Promise<boolean> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  const parts = parseToken(text.trim());
  const row = parts && (await findToken(pool, parts.id));
  if (!parts || !row || (row.expiresAt !== null && row.expiresAt <= now)) return false;
  return isSecretOf(row.hashedSecret, parts.secret);
}
