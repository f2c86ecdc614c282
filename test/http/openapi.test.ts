import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Validator } from "@seriousme/openapi-schema-validator";
import { generateSource } from "oazapfts";
import { findUser } from "../../src/users/store.ts";
import { createToken } from "../../src/users/tokens/create.ts";
import { startProcess, temporaryDirectory } from "../support/daemon.ts";
import { createTestDatabase } from "../support/database.ts";
import { startTestServer } from "./server.ts";

const run = promisify(execFile);
const repository = fileURLToPath(new URL("../..", import.meta.url));
const APPLY = ["run", "--apply", join(repository, "examples/quickstart/prebuildd.yaml")];
const DESCRIPTION = "/api/v2/openapi.json";

type Parameter = { in: string; name: string };
type Operation = { operationId: string; summary: string; tags: string[]; parameters?: Parameter[] };
type Description = { paths: Record<string, Record<string, Operation>> };

it("the API's description is valid, and names every route once and each part of its path", async (t) => {
  const server = await startTestServer(t);
  const description: Description = (await server.send("GET", DESCRIPTION)).json();
  const validator = new Validator();
  const { valid, errors } = await validator.validate(structuredClone(description));
  assert.deepEqual([valid, errors, validator.version], [true, undefined, "3.1"]);

  const operations = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.values(methods).map((operation) => ({ path, ...operation })),
  );
  const names = operations.map(({ operationId }) => operationId);
  assert.deepEqual(
    names.filter((name, index) => names.indexOf(name) !== index),
    [],
  );
  for (const { path, operationId, summary, tags, parameters = [] } of operations) {
    assert.match(operationId, /^[a-z]+([A-Z][a-z]+)*$/);
    assert.ok(summary && tags.length === 1, path);
    const described = parameters.filter((parameter) => parameter.in === "path").map(({ name }) => name);
    const inPath = Array.from(path.matchAll(/\{(\w+)\}/g), ([, name]) => name);
    assert.deepEqual(described.sort(), inPath.sort(), path);
  }
});

/** A program that somebody could have written on top of the generated client. */
const PROGRAM = `
import { setTimeout as delay } from "node:timers/promises";
import { ok } from "@oazapfts/runtime";
import * as api from "./client.ts";

api.defaults.baseUrl = process.env["PREBUILDD_URL"] ?? "";
api.defaults.headers = { authorization: \`Bearer \${process.env["PREBUILDD_TOKEN"]}\` };

const template = await ok(api.getTemplateByName("default", "quickstart"));
const presets = await ok(api.listPresets(template.active_version_id ?? ""));
const node = presets.find(({ name }) => name === "node");
const rich_parameter_values = [{ name: "language", value: "shell" }, { name: "warmup_seconds", value: "0" }];

const built = await ok(api.createWorkspace("default", "me", { name: "built", template_id: template.id, rich_parameter_values }));
const claimed = await ok(
  api.createWorkspace(
    "default",
    "me",
    { name: "claimed", template_id: template.id, ...(node ? { template_version_preset_id: node.id } : {}) },
    { wait: 60 },
  ),
);
const outcomes: string[] = [];
for (const { id, latest_build } of [built, claimed]) {
  await ended(latest_build?.id ?? "");
  const deletion = await ok(api.createBuild(id, { transition: "delete" }));
  outcomes.push(await ended(deletion.id));
}
const { count } = await ok(api.listWorkspaces({ owner: "me" }));
const { status } = await api.getWorkspace(built.id);
console.log(JSON.stringify({ claimed: [built.claimed, claimed.claimed], outcomes, count, status }));

async function ended(buildId: string): Promise<string> {
  for (;;) {
    const { status } = await ok(api.getBuild(buildId));
    if (!["pending", "starting", "deleting"].includes(status)) return status;
    await delay(50);
  }
}
`;

it("a client that is generated from the description creates, claims and deletes workspaces", async (t) => {
  const { url: databaseUrl, pool } = await createTestDatabase(t);
  const daemon = await startProcess(t, APPLY, { env: { DATABASE_URL: databaseUrl, PREBUILDD_PROVISIONERS: "4" } });
  const url = await daemon.ready();
  const admin = (await findUser(pool, "admin")) ?? assert.fail("there is no admin");

  const directory = await temporaryDirectory(t);
  await symlink(join(repository, "node_modules"), join(directory, "node_modules"));
  await writeFile(join(directory, "package.json"), JSON.stringify({ type: "module" }));
  await writeFile(join(directory, "client.ts"), await generateSource(url + DESCRIPTION));
  await writeFile(join(directory, "program.ts"), PROGRAM);
  // The generator's own library is not written for this setting; all the others are ours.
  const compilerOptions = { exactOptionalPropertyTypes: false };
  const tsconfig = { extends: join(repository, "tsconfig.json"), include: ["*.ts"], compilerOptions };
  await writeFile(join(directory, "tsconfig.json"), JSON.stringify(tsconfig));
  const tsc = join(repository, "node_modules/.bin/tsc");
  const checked = await run(tsc, ["-p", directory]).catch((error: { stdout: string }) => error);
  assert.equal(checked.stdout, "");

  const token = await createToken(pool, { userId: admin.id, name: "client" });
  const env = { PATH: process.env["PATH"], PREBUILDD_URL: url, PREBUILDD_TOKEN: token };
  const { stdout } = await run(process.execPath, [join(directory, "program.ts")], { env });
  assert.deepEqual(JSON.parse(stdout), {
    claimed: [false, true],
    outcomes: ["deleted", "deleted"],
    count: 0,
    status: 404,
  });
});
