import { readdir, readFile } from "node:fs/promises";

// Linux only: other systems have no such files, and their tools give less exact times.

/** The kernel counts CPU time in hundredths of a second for programs, whatever it does itself. */
const TICKS_PER_SECOND = 100;

/** How much memory a process occupies, in MB: now, and at most so far. */
export async function residentMemory(pid: number): Promise<{ now: number; most: number }> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const megabytes = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) / 1_024;
  return { now: megabytes("VmRSS"), most: megabytes("VmHWM") };
}

/** The CPU seconds that these processes have used, with those of their children that have ended. */
export async function cpuSeconds(pids: readonly number[]): Promise<number> {
  const times = await Promise.all(pids.map(async (pid) => (await readStat(pid))?.cpuSeconds ?? 0));
  return times.reduce((sum, seconds) => sum + seconds, 0);
}

/** The process of a server's own that one of its sessions' processes was started by, and all that it has started. */
export async function familyOf(sessionPid: number): Promise<number[]> {
  const session = await readStat(sessionPid);
  if (session?.name !== "postgres")
    throw new Error("the database server must run on this machine, for its CPU time is read");
  const parent = session.parentPid;
  const entries = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(entries.map(async (pid) => ({ pid, stat: await readStat(pid) })));
  return [parent, ...found.flatMap(({ pid, stat }) => (stat?.parentPid === parent ? [pid] : []))];
}

type Stat = { readonly name: string; readonly parentPid: number; readonly cpuSeconds: number };

/** Undefined when there is no such process any more. */
async function readStat(pid: number): Promise<Stat | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  // The name stands in brackets and may hold anything; what follows is numbers, the first of them field 3.
  const match = /^\d+ \((.*)\) (.*)$/s.exec(text);
  if (!match) return undefined;
  const fields = match[2]?.split(" ") ?? [];
  const ticks = [14, 15, 16, 17].reduce((sum, field) => sum + Number(fields[field - 3]), 0);
  return { name: match[1] ?? "", parentPid: Number(fields[1]), cpuSeconds: ticks / TICKS_PER_SECOND };
}
