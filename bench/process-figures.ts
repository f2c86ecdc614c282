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

/** The CPU seconds that a process has used, with those of its children that have ended. */
export async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readStat(pid);
  if (!stat) throw new Error(`the process ${pid} has ended while it was looked at`);
  return stat.cpuSeconds;
}

/** The CPU seconds of a whole database server, which is found by the process of one of its sessions. */
export async function serverCpuSeconds(sessionPid: number): Promise<number> {
  const session = await readStat(sessionPid);
  if (session?.name !== "postgres")
    throw new Error("the database server must run on this machine, because its CPU time is looked at");
  const server = await cpuSeconds(session.parentPid);
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const stats = await Promise.all(pids.map(readStat));
  return stats
    .filter((stat) => stat?.parentPid === session.parentPid)
    .reduce((sum, stat) => sum + (stat?.cpuSeconds ?? 0), server);
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
