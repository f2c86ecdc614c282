import { execFile } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { promisify } from "node:util";
import { ProblemError } from "../../errors.ts";

const run = promisify(execFile);

/** The user that PostgreSQL runs as instead of root. */
export type Account = { readonly uid: number; readonly gid: number };

/** Whether this process is root, whom PostgreSQL refuses to run as. */
export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/**
 * Whom to run PostgreSQL as: undefined is this process's own user. Root hands over to the user that existing data
 * belongs to, else to `postgres`, else to `nobody`.
 */
export async function serverAccount(existingData: string | undefined): Promise<Account | undefined> {
  if (!isRoot()) return undefined;
  if (existingData !== undefined) {
    const { uid, gid } = await stat(existingData);
    if (uid !== 0) return { uid, gid };
  }
  const users = (await readFile("/etc/passwd", "utf8")).split("\n").map((line) => line.split(":"));
  for (const wanted of ["postgres", "nobody"]) {
    const [, , uid, gid] = users.find(([name]) => name === wanted) ?? [];
    if (Number(uid) > 0 && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new ProblemError(
    "unavailable",
    "PostgreSQL refuses to run as root, and this machine has neither a user `postgres` nor `nobody` to run it as. " +
      "Run prebuildd as an ordinary user, or set DATABASE_URL.",
  );
}

/** Whether the account can work in a directory: asked of the kernel, which knows every ancestor's mode and ACL. */
export async function canEnter(account: Account | undefined, directory: string): Promise<boolean> {
  return succeeds("/bin/sh", ["-c", 'cd "$1"', "sh", directory], account);
}

/** Whether the account can execute a program with everything that it links to. */
export async function canRun(account: Account | undefined, program: string): Promise<boolean> {
  return succeeds(program, ["--version"], account);
}

async function succeeds(command: string, args: readonly string[], account: Account | undefined): Promise<boolean> {
  return run(command, args, { cwd: "/", env: {}, ...account }).then(
    () => true,
    () => false,
  );
}
