import { chmod, cp, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { DriverMode } from "./plan.ts";

const TEMPLATE = fileURLToPath(new URL("template/", import.meta.url));

/** What is really there, whatever the database says. */
export type Outside = {
  /** Each workspace that has left something: who it says it belongs to, and the process that it says it runs as. */
  readonly things: ReadonlyMap<string, { readonly owner: string | undefined; readonly pid: number | undefined }>;
  /** Every process that is some workspace's machine. */
  readonly machines: ReadonlySet<number>;
  /** Executables that are still running, as their command lines. */
  readonly executables: readonly string[];
};

/** The world that the driver of the templates acts on: directories and processes. */
export type World = AsyncDisposable & {
  /** The source of the template; `text` makes a version of it that differs from others. */
  writeSource(directory: string, text: string): Promise<void>;
  setMode(mode: DriverMode): Promise<void>;
  look(): Promise<Outside>;
};

/** Makes an empty world below a directory. */
export async function createWorld(root: string): Promise<World> {
  for (const name of ["things", "locks"]) await mkdir(join(root, name), { recursive: true });
  const setMode = async (mode: DriverMode) => {
    await writeFile(join(root, "mode.new"), `${mode}\n`);
    await rename(join(root, "mode.new"), join(root, "mode"));
  };
  await setMode("ok");
  return {
    setMode,
    async writeSource(directory, text) {
      await cp(TEMPLATE, directory, { recursive: true });
      for (const name of await readdir(directory)) {
        if (!name.includes(".")) await chmod(join(directory, name), 0o755);
      }
      await writeFile(join(directory, "place"), root);
      await writeFile(join(directory, "version"), text);
    },
    look: async () => ({ things: await readThings(join(root, "things")), ...(await readProcesses(root)) }),
    async [Symbol.asyncDispose]() {
      const { machines } = await readProcesses(root);
      for (const pid of machines) kill(pid);
      await rm(root, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function readThings(directory: string): Promise<Outside["things"]> {
  const things = new Map<string, { owner: string | undefined; pid: number | undefined }>();
  for (const id of await readdir(directory)) {
    const read = (name: string) =>
      readFile(join(directory, id, name), "utf8").then(
        (text) => text.trim(),
        () => undefined, // it has none
      );
    const pid = await read("pid");
    things.set(id, { owner: await read("owner"), pid: pid === undefined ? undefined : Number(pid) });
  }
  return things;
}

/** All processes of this machine that belong to the world, by what their environment says. */
async function readProcesses(root: string): Promise<Pick<Outside, "machines" | "executables">> {
  const machines = new Set<number>();
  const executables: string[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const environment = await readFile(`/proc/${name}/environ`, "utf8").catch(() => ""); // it has ended, or is another's
    if (!environment.includes(root)) continue;
    const variables = environment.split("\0");
    if (variables.includes(`FAULTS_MACHINE=${root}`)) machines.add(Number(name));
    else if (variables.some((variable) => variable.startsWith("PREBUILDD_WORKSPACE_ID="))) {
      executables.push(await describeProcess(name, variables));
    }
  }
  return { machines, executables };
}

async function describeProcess(pid: string, variables: readonly string[]): Promise<string> {
  const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "it has ended");
  const workspace = variables.find((variable) => variable.startsWith("PREBUILDD_WORKSPACE_ID="))?.split("=")[1];
  return `${pid} (${line.replaceAll("\0", " ").trim()}) of workspace ${workspace}`;
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // it has ended by itself
  }
}
