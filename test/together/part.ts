import { glob } from "node:fs/promises";
import { basename, join } from "node:path";
import { it, suite } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import manifest from "../../package.json" with { type: "json" };

const REPOSITORY = fileURLToPath(new URL("../../", import.meta.url));

/**
 * Runs, one after the other in this process, the test files of one part of all those that `npm test` starts no process
 * for; there are as many parts as test files in this directory, and `partFile` is the one that calls.
 */
export function runPart(partFile: string): void {
  suite(`together, in the process of ${basename(partFile)}`, async () => {
    const parts = await find("test/together/*.test.ts", []);
    const files = await find("{src,test}/**/*.test.ts", patternsOfScript());
    const index = parts.findIndex((part) => join(REPOSITORY, part) === partFile);
    if (index === -1)
      throw new Error(`${partFile} is none of the parts ${parts.join(", ")}: its tests would be missing`);
    // A suite's tests wait until it is complete, so no test runs while files are still being loaded.
    for (const file of files.filter((_, position) => position % parts.length === index)) {
      const loaded = Promise.withResolvers<void>();
      suite(file, async () => {
        // The failure of a suite is not among those that the run counts.
        await import(pathToFileURL(join(REPOSITORY, file)).href).catch((error: unknown) => {
          it("can be loaded", () => Promise.reject(error));
        });
        loaded.resolve();
      });
      await loaded.promise;
    }
  });
}

/** What `npm test` starts a process for each file of. */
function patternsOfScript(): string[] {
  const patterns = Array.from(manifest.scripts.test.matchAll(/"(.+?)"/g), ([, pattern = ""]) => pattern);
  if (patterns.length === 0) throw new Error("the script `test` in package.json has no pattern between double quotes");
  return patterns;
}

/** The same files in the same order everywhere. */
async function find(pattern: string, exclude: string[]): Promise<string[]> {
  const files = await Array.fromAsync(glob(pattern, { cwd: REPOSITORY, exclude }));
  return files.sort();
}
