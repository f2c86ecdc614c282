/** One entry of a template's source; directories are only there as parts of paths. */
export type SourceEntry =
  | { readonly kind: "file"; readonly path: string; readonly executable: boolean; readonly digest: string }
  | { readonly kind: "link"; readonly path: string; readonly target: string };

/** Directories and files that are never part of a source: version control, and our own data. */
const SKIPPED: ReadonlySet<string> = new Set([".git", ".prebuildd"]);

/** Whether a name, anywhere in the tree, is left out of a source. */
export function isSkipped(name: string): boolean {
  return SKIPPED.has(name);
}

/**
 * The text whose hash names a template version. It holds all that can change what a build does (paths, contents, the
 * executable bit, targets of links) and nothing else, so that the same source has the same hash on every machine.
 */
export function sourceManifest(entries: readonly SourceEntry[]): string {
  const lines = entries
    .toSorted((a, b) => (a.path < b.path ? -1 : 1))
    .map((entry) =>
      entry.kind === "file"
        ? ["file", entry.path, entry.executable ? "x" : "-", entry.digest]
        : ["link", entry.path, entry.target],
    );
  // JSON, so that no path or target can be written in a way that looks like another entry.
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}

/** Whether a link, by its text alone, leads out of the source that it is in. */
export function leadsOutside(path: string, target: string): boolean {
  if (target.startsWith("/")) return true;
  let depth = path.split("/").length - 1;
  for (const part of target.split("/")) {
    if (part === "..") depth -= 1;
    else if (part !== "" && part !== ".") depth += 1;
    if (depth < 0) return true;
  }
  return false;
}
