import { mkdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { describeMachine, openBench } from "./environment.ts";
import { formatTable, type Table } from "./report.ts";
import { SUBJECTS } from "./subjects.ts";

const resultsFolder = fileURLToPath(new URL("results/", import.meta.url));
const print = (text: string) => process.stdout.write(text);

const { values: options } = parseArgs({
  options: {
    only: { type: "string", default: Object.keys(SUBJECTS).join(",") },
    quick: { type: "boolean", default: false },
    json: { type: "string" },
  },
});
const wanted = options.only.split(",");
const unknown = wanted.filter((name) => !Object.hasOwn(SUBJECTS, name));
if (unknown.length > 0) {
  process.stderr.write(`--only ${unknown.join(",")}: known are ${Object.keys(SUBJECTS).join(", ")}\n`);
  process.exit(2);
}

await using stack = new AsyncDisposableStack();
const bench = await openBench(stack, process.env["DATABASE_URL"] || undefined);
const startedAt = new Date().toISOString();
const machine = await describeMachine(bench);
print(
  `${Object.entries(machine)
    .map(([name, value]) => `${name}: ${value}\n`)
    .join("")}`,
);

const tables: Table[] = [];
for (const [name, measure] of Object.entries(SUBJECTS)) {
  if (!wanted.includes(name)) continue;
  const table = await measure(bench, { quick: options.quick });
  tables.push(table);
  print(formatTable(table));
}

const missed = tables.flatMap(({ rows }) => rows.filter(({ target }) => target?.met === false));
print(
  missed.length === 0
    ? "\nall targets are met\n"
    : `\n${missed.length} target(s) missed: ${missed.map(({ name }) => name).join("; ")}\n`,
);
// The small sizes only show that everything runs; their figures are no measure of anything.
if (missed.length > 0 && !options.quick) process.exitCode = 1;

const results = JSON.stringify({ startedAt, quick: options.quick, machine, tables }, null, 2);
if (options.json !== undefined) await writeFile(options.json, results);
if (!options.quick) {
  await mkdir(resultsFolder, { recursive: true });
  await writeFile(`${resultsFolder}${startedAt.replaceAll(":", "-")}.json`, results);
}
