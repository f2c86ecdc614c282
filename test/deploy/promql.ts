import { execFile, spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { EXPORTED_METRICS } from "./exported-metrics.ts";

const found = spawnSync("promtool", ["--version"]).status === 0;

/** For tests that need Prometheus' own checker: why they are skipped, where it is not there. */
export const needsPromtool = { skip: found ? false : "promtool is not on the PATH" };

/** Where a file of the checkout is. */
export const inCheckout = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

export const readText = (path: string): Promise<string> => readFile(inCheckout(path), "utf8");

/**
 * Runs promtool in the checkout.
 * @throws an Error that holds what promtool has printed, when it is not content
 */
export async function promtool(...args: readonly string[]): Promise<void> {
  // It makes a database for each test of the rules: with less collecting of garbage it is a quarter faster.
  const env = { ...process.env, GOGC: "400" };
  try {
    await promisify(execFile)("promtool", args, { cwd: inCheckout(""), env });
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new Error(`promtool ${args.slice(0, 2).join(" ")}:\n${stdout}${stderr}`, { cause: error });
  }
}

const NOT_METRICS = /^(and|or|unless|on|ignoring|by|without|group_left|group_right|offset|bool|inf|nan|le)$/i;

/** The metrics that an expression names, those of histograms without their `_bucket`, `_count` or `_sum`. */
export function metricsIn(expr: string): string[] {
  const bare = expr
    .replaceAll(/"(\\.|[^"\\])*"/g, "")
    .replaceAll(/\{[^}]*\}|\[[^\]]*\]/g, " ")
    .replaceAll(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, " ")
    .replaceAll(/\boffset\s+\w+/g, " ");
  const names = bare.matchAll(/(?<![\w.$])[a-z_:][\w:]*\b(?!\s*\()/gi);
  return [...new Set(Array.from(names, ([name]) => name).filter((name) => !NOT_METRICS.test(name)))].map((name) => {
    const base = name.replace(/_(bucket|count|sum)$/, "");
    return EXPORTED_METRICS[base] === "histogram" ? base : name;
  });
}
