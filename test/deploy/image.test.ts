import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { it } from "node:test";
import manifest from "../../package.json" with { type: "json" };
import lock from "../../package-lock.json" with { type: "json" };

/** The instructions of the Dockerfile, with the lines that they are continued on. */
async function readInstructions(): Promise<string[]> {
  const text = await readFile(new URL("../../Dockerfile", import.meta.url), "utf8");
  return text
    .replaceAll(/^#.*\n/gm, "")
    .replaceAll("\\\n", "")
    .split("\n")
    .filter(Boolean);
}

const listOf = (instruction: string | undefined): string[] =>
  JSON.parse(/\[.*\]$/.exec(instruction ?? "")?.[0] ?? assert.fail(`${instruction} has no list`));

it("the image has the Node and the version that the daemon is tested and released with", async () => {
  const instructions = await readInstructions();
  const { version } = lock.packages["node_modules/node"];
  assert.equal(instructions[0], `FROM node:${version}-bookworm-slim AS base`);
  assert.ok(instructions.some((line) => line.includes(`org.opencontainers.image.version="${manifest.version}"`)));
});

it("the image runs as an ordinary user that has a number, and is stopped as the daemon expects it", async () => {
  const instructions = await readInstructions();
  assert.deepEqual(
    instructions.filter((line) => /^(USER|STOPSIGNAL)/.test(line)),
    ["USER 1000:1000", "STOPSIGNAL SIGTERM"],
  );
  assert.deepEqual(listOf(instructions.find((line) => line.startsWith("ENTRYPOINT"))), ["tini", "--", "prebuildd"]);
});

it("the image's health check is green while the daemon is, and red when it is not or has gone", async (t) => {
  const [, ...script] = listOf((await readInstructions()).find((line) => line.startsWith("HEALTHCHECK")));
  let status = 200;
  const server = createServer((request, answer) => answer.writeHead(request.url === "/healthz" ? status : 404).end());
  t.after(() => server.close());
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const check = async (listen: string) => {
    const [code] = await once(spawn(process.execPath, script, { env: { PREBUILDD_LISTEN: listen } }), "exit");
    return code;
  };
  assert.equal(await check(`:${port}`), 0);
  status = 503;
  assert.equal(await check(`:${port}`), 1);
  assert.equal(await check(":1"), 1);
});
