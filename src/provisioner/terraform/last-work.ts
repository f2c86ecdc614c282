import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { FILES } from "./run-dir.ts";
import { LONGEST_LAST_WORK_MS } from "./terraform.ts";

const LOOK_EVERY_MS = 100;
/** Twice the time that a Terraform without its daemon lives: then its daemon lives, and may only be stopped. */
const LONGEST_WAIT_MS = 2 * LONGEST_LAST_WORK_MS;

/** A process group, and when its first process began, as the kernel tells it; undefined where it does not. */
type Group = { readonly id: number; readonly startedAt: string | undefined };

/**
 * Waits until nothing runs any more in the directory that an earlier attempt has started there. Kills nobody: by now the
 * id may be a stranger's, which shows in the time at which its process began.
 * @returns a sentence when it still runs after all that time, and its directory must be left alone
 */
export async function awaitLastWork(
  directory: string,
  signal: AbortSignal,
  longestMs: number = LONGEST_WAIT_MS,
): Promise<string | undefined> {
  const group = await readGroup(join(directory, FILES.pid));
  if (!group) return undefined;
  const deadline = performance.now() + longestMs;
  while (await isAlive(group)) {
    if (signal.aborted) return "terraform was canceled before it began";
    if (performance.now() >= deadline) {
      // Where the kernel does not tell when a process began, the id has become somebody else's.
      if (group.startedAt === undefined) return undefined;
      return `the terraform of an earlier attempt still runs in ${directory}, as process group ${group.id}: wait until it has ended, or end it, and build again`;
    }
    await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
  }
  return undefined;
}

/** Reads what Terraform's first process has noted: its id, and then what the kernel says of it. */
async function readGroup(path: string): Promise<Group | undefined> {
  const text = await readFile(path, "utf8").catch(() => "");
  const [, id, status = ""] = /^([1-9]\d*)\n(.*)/.exec(text) ?? [];
  return id === undefined ? undefined : { id: Number(id), startedAt: parseStatus(status)?.startedAt };
}

/** Whether a process of the group runs; a zombie does not, and has nobody to clear it away in many a container. */
async function isAlive({ id, startedAt }: Group): Promise<boolean> {
  try {
    process.kill(-id, 0);
  } catch {
    return false; // there is none, or it is somebody's whom we may not even signal
  }
  const pids = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name));
  if (pids.length === 0) return true; // only Linux tells
  const statusOf = async (pid: string) =>
    parseStatus(await readFile(join("/proc", pid, "stat"), "utf8").catch(() => ""));
  // No process gets the id of a group that still has members, so a stranger there says that the group has gone.
  const first = await statusOf(String(id));
  if (first && startedAt !== undefined && first.startedAt !== startedAt) return false;
  for (const pid of pids) {
    const status = await statusOf(pid);
    if (status?.group === id && status.state !== "Z" && status.state !== "X") return true;
  }
  return false;
}

/** Takes apart the line about a process in /proc/<pid>/stat; its second field may hold anything, in parentheses. */
function parseStatus(text: string): { state: string; group: number; startedAt: string } | undefined {
  const fields = text
    .slice(text.lastIndexOf(")") + 1)
    .trim()
    .split(" ");
  const [state, group, startedAt] = [fields[0], fields[2], fields[19]];
  return state && group && startedAt ? { state, group: Number(group), startedAt } : undefined;
}
