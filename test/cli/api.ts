import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { TestContext } from "node:test";
import { runCli } from "../../src/cli/program.ts";
import { startTestServer } from "../http/server.ts";
import { type Outcome, temporaryDirectory } from "./command.ts";

/**
 * The real API on a port of its own, and the command line as one of its users. It runs in this process, which takes a
 * fraction of the time that one of its own would take to start; what a process adds is tested where it matters.
 */
export async function startApi(t: TestContext) {
  const server = await startTestServer(t);
  const url = await server.app.listen({ host: "127.0.0.1", port: 0 });
  const as = (user: { readonly token: string }, ...args: string[]) =>
    inProcess(args, { PREBUILDD_URL: url, PREBUILDD_TOKEN: user.token });
  return { ...server, url, as };
}

async function inProcess(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Outcome> {
  const printed = { stdout: "", stderr: "" };
  const code = await runCli(args, {
    env,
    out: (text) => {
      printed.stdout += text;
    },
    err: (text) => {
      printed.stderr += text;
    },
    stdin: Readable.from([]),
  });
  return { code, ...printed };
}

/** An apply file with one template whose only preset keeps two prebuilds. */
export async function writeApplyFile(
  t: TestContext,
  change: (yaml: string) => string = (yaml) => yaml,
): Promise<string> {
  const directory = await temporaryDirectory(t);
  await mkdir(join(directory, "box"));
  await writeFile(join(directory, "box", "start"), "#!/bin/sh\n", { mode: 0o755 });
  const file = join(directory, "prebuildd.yaml");
  const yaml = `users:
  - username: alice
    email: alice@example.com
templates:
  - name: box
    provisioner: command
    source: ./box
    presets:
      - name: small
        parameters: { size: small }
        prebuilds: { instances: 2 }
      - name: plain
`;
  await writeFile(file, change(yaml));
  return file;
}
