import { randomBytes } from "node:crypto";
import { chown, mkdir, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { ProblemError } from "../../errors.ts";
import { spawnGuarded } from "../../process/guard.ts";
import type { Account } from "./account.ts";
import { isAlive } from "./owner.ts";
import { isCluster } from "./places.ts";

/** The role and the database that prebuildd uses; the role is the cluster's superuser. */
export const ROLE = "prebuildd";

/**
 * Creates the database cluster unless it is there. It is made aside and moved into place when it is complete, so an
 * initialisation that was killed leaves nothing that a later start could take for a database.
 */
export async function initialise(
  initdb: string,
  data: string,
  account: Account | undefined,
  options: { readonly sync: boolean },
): Promise<void> {
  if (await isCluster(data)) return;
  await removeAbandoned(data);
  const temporary = `${data}.new-${process.pid}-${randomBytes(3).toString("hex")}`;
  await mkdir(temporary, { mode: 0o700 });
  try {
    if (account) await chown(temporary, account.uid, account.gid);
    const child = spawnGuarded(
      initdb,
      [
        ...["--pgdata", temporary, "--username", ROLE, "--auth", "trust", "--encoding", "UTF8", "--locale", "C"],
        ...(options.sync ? [] : ["--no-sync"]),
      ],
      { cwd: "/", env: { LC_ALL: "C", TZ: "UTC" }, onOrphaned: "SIGKILL", ...account },
    );
    child.stdin.end();
    const [output, errors, { code, signal }] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      child.exited,
    ]);
    if (code !== 0) {
      throw new ProblemError(
        "unavailable",
        `cannot create the embedded database: initdb ended with ${signal ?? code}`,
        {
          detail: `${output}${errors}`.trim().split("\n").slice(-15).join("\n"),
        },
      );
    }
    await rename(temporary, data);
  } catch (error) {
    if (!(await isCluster(data))) throw error; // another process was faster: its cluster is as good
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Removes what killed initialisations have left beside the data. */
async function removeAbandoned(data: string): Promise<void> {
  const prefix = `${basename(data)}.new-`;
  for (const name of await readdir(dirname(data))) {
    if (!name.startsWith(prefix)) continue;
    const pid = Number.parseInt(name.slice(prefix.length), 10);
    if (!isAlive(pid)) await rm(join(dirname(data), name), { recursive: true, force: true });
  }
}
