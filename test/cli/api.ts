import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { startTestServer } from "../http/server.ts";
import { prebuildd, temporaryDirectory } from "./command.ts";

/** The real API on a port of its own, and the command line as its site owner or as alice. */
export async function startApi(t: TestContext) {
  const server = await startTestServer(t);
  const url = await server.app.listen({ host: "127.0.0.1", port: 0 });
  const as = (user: { readonly token: string }, ...args: string[]) =>
    prebuildd(t, args, { env: { PREBUILDD_URL: url, PREBUILDD_TOKEN: user.token } });
  return { ...server, url, as };
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
