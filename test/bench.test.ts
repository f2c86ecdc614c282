import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { emptyDatabase } from "./support/database.ts";

const program = fileURLToPath(new URL("../bench/main.ts", import.meta.url));

const TITLES = [
  "A pass with nothing to do",
  "Deciding for",
  "The rules of the lifecycle at",
  "Claims at",
  "Claim to refill at",
  "AI spend of",
  "Metrics at",
  "Filling one pool",
] as const;

test("the benchmarks run against an empty database and report on every subject", async (t) => {
  const { url } = await emptyDatabase(t);
  const child = spawn(process.execPath, [program, "--quick"], {
    env: { PATH: process.env["PATH"], DATABASE_URL: url },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [output, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);

  for (const title of TITLES)
    assert.ok(output.includes(`\n## ${title}`), `no table "${title}" in:\n${output}${errors}`);
  assert.equal(code, 0, errors);
});
