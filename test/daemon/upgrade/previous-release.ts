import { execFile } from "node:child_process";
import { mkdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import journal from "../../../drizzle/meta/_journal.json" with { type: "json" };
import { temporaryDirectory } from "../../support/daemon.ts";

const run = promisify(execFile);
const REPOSITORY = fileURLToPath(new URL("../../..", import.meta.url));
const NEWEST = journal.entries.at(-1)?.tag ?? "";

/** How many migrations the release before this one has. */
export const PREVIOUS_MIGRATIONS = journal.entries.length - 1;

const git = async (...args: string[]): Promise<string> =>
  (await run("git", ["-C", REPOSITORY, ...args], { maxBuffer: 1 << 20 })).stdout.trim();

/** The commit of the release before this one, or why its code cannot be had. */
export type PreviousRelease = { readonly commit: string } | { readonly missing: string };

/** Finds the newest commit that does not have the newest migration yet: that is the release which is upgraded from. */
export async function findPreviousRelease(): Promise<PreviousRelease> {
  try {
    const file = `drizzle/${NEWEST}.sql`;
    const added = await git("log", "-1", "--no-renames", "--diff-filter=A", "--format=%H", "--", file);
    const commit = await git("rev-parse", "--verify", "--quiet", added === "" ? "HEAD" : `${added}^`);
    const strange = await strangeDependencies(await git("show", `${commit}:package.json`));
    if (strange.length === 0) return { commit };
    return { missing: `the release before ${NEWEST} needs packages that are not installed: ${strange.join(", ")}` };
  } catch {
    return { missing: `no commit from before ${NEWEST} is at hand: git is missing, or the clone is a shallow one` };
  }
}

/** Dependencies whose installed version is missing or of another major version than the one that is asked for. */
async function strangeDependencies(manifest: string): Promise<string[]> {
  const { dependencies }: { dependencies: Record<string, string> } = JSON.parse(manifest);
  const wanted = Object.entries(dependencies);
  const installed = await Promise.all(wanted.map(([name]) => installedVersion(name)));
  const major = (version: string | undefined) => version?.match(/\d+/)?.[0];
  return wanted.filter(([, range], n) => major(installed[n]) !== major(range)).map((both) => both.join("@"));
}

const installedVersion = async (name: string): Promise<string | undefined> =>
  readFile(join(REPOSITORY, "node_modules", name, "package.json"), "utf8").then(
    (text) => JSON.parse(text).version,
    () => undefined,
  );

/** Unpacks a commit beside the packages of this checkout, so that it can be run; returns the directory. */
export async function unpackRelease(t: TestContext, commit: string): Promise<string> {
  const directory = await temporaryDirectory(t);
  const release = join(directory, "release");
  await mkdir(release);
  const archive = join(directory, "release.tar");
  await git("archive", "--output", archive, commit, "package.json", "src", "drizzle");
  await run("tar", ["-xf", archive, "-C", release]);
  await symlink(join(REPOSITORY, "node_modules"), join(release, "node_modules"));
  return release;
}
