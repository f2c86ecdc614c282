import { execFile } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const SIZE_MIB = 32;

/** What the replicas and their drivers write to; it can be full. */
export type Disk = AsyncDisposable & {
  readonly directory: string;
  /** Whether it is a file system of its own; only root can make one. */
  readonly isReal: boolean;
  setFull(full: boolean): Promise<void>;
};

/** Makes a small file system in memory, or where that is not allowed a directory that never gets full. */
export async function createDisk(directory: string): Promise<Disk> {
  await mkdir(directory, { recursive: true });
  const isReal = await run("mount", ["-t", "tmpfs", "-o", `size=${SIZE_MIB}m,mode=755`, "tmpfs", directory]).then(
    () => true,
    () => false, // not root, or in a container that may not
  );
  const filler = join(directory, "filler");
  return {
    directory,
    isReal,
    async setFull(full) {
      if (!isReal) return;
      if (full)
        await writeFile(filler, Buffer.alloc((SIZE_MIB + 1) * 1024 ** 2)).catch(() => {}); // it is full then
      else await rm(filler, { force: true });
    },
    async [Symbol.asyncDispose]() {
      if (isReal) await run("umount", ["--lazy", directory]);
    },
  };
}
