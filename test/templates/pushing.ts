import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { listen } from "../../src/db/listen.ts";
import type { ProvisionerJobView } from "../../src/provisioner/job-view.ts";
import { startWorker, type Worker, type WorkerOptions } from "../../src/provisioner/worker.ts";
import { createSourceCache, packSource } from "../../src/templates/sources.ts";
import { CHANNELS } from "../../src/wake.ts";
import { startTestServer, type TestServer, type TestUser } from "../http/server.ts";
import { givenDriver, silent } from "../support/given.ts";
import { waitFor } from "../support/wait-for.ts";

export const ORGANIZATION = "/api/v2/organizations/default";

/** A directory of the test's own with these files; what begins with #! may be run. */
export async function directoryWith(t: TestContext, files: Readonly<Record<string, string>>): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "prebuildd-test-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(directory, name), text, { mode: text.startsWith("#!") ? 0o755 : 0o644 });
  }
  return directory;
}

/** The least source of a command template; `text` tells one from another. */
export const commandSource = (t: TestContext, text = "1") => directoryWith(t, { start: `#!/bin/sh\n# ${text}\n` });

export type PushBody = {
  readonly source: { readonly hash: string; readonly archive: string };
  readonly provisioner?: string;
  readonly message?: string;
};

/** What is sent to push a directory. */
export async function bodyOf(directory: string, rest: Omit<PushBody, "source"> = {}): Promise<PushBody> {
  const { hash, data } = await packSource(directory, "terraform");
  return { source: { hash, archive: data.toString("base64") }, ...rest };
}

/** Sends a push and returns the job that it made. */
export async function push(
  server: TestServer,
  name: string,
  json: PushBody,
  as: TestUser = server.admin,
): Promise<ProvisionerJobView> {
  const answer = await server.send("POST", `${ORGANIZATION}/templates/${name}/push`, { as, json });
  assert.equal(answer.statusCode, 202, answer.body);
  return answer.json();
}

/** The job when it has ended, and the lines of its log. */
export async function ended(server: TestServer, { id }: ProvisionerJobView, as: TestUser = server.admin) {
  const path = `${ORGANIZATION}/provisionerjobs/${id}`;
  const job = await waitFor("the import to end", async () => {
    const view: ProvisionerJobView = (await server.send("GET", path, { as })).json();
    return view.completed_at === null ? undefined : view;
  });
  const lines = (await server.send("GET", `${path}/logs`, { as })).json() as { log_level: string; output: string }[];
  return { job, lines: lines.map(({ log_level, output }) => `${log_level} ${output}`) };
}

/** A worker on the server's database that unpacks sources; the driver is for templates of both kinds. */
export async function givenPushWorker(
  t: TestContext,
  server: TestServer,
  given: Partial<WorkerOptions> = {},
): Promise<Worker> {
  // One hook for all, and in reverse: hooks after one that throws do not run, and directories in use cannot be removed.
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const dir = await mkdtemp(join(tmpdir(), "prebuildd-test-"));
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  const worker = startWorker(server.context, {
    drivers: { command: givenDriver(), terraform: givenDriver() },
    sourceOf: createSourceCache({ pool: server.pool, dir: join(dir, "sources") }).directoryOf,
    workspacesDir: join(dir, "workspaces"),
    concurrency: 2,
    ...given,
  });
  stack.defer(() => worker.drain(5_000));
  stack.use(
    listen({
      url: server.databaseUrl,
      channels: [CHANNELS.jobs],
      log: silent,
      onNotification: worker.poke,
      onSubscribed: worker.poke,
    }),
  );
  return worker;
}

/** A server with a worker, and a way to push a directory and see what becomes of it. */
export async function givenPushes(t: TestContext, given: Partial<WorkerOptions> = {}) {
  const server = await startTestServer(t);
  const worker = await givenPushWorker(t, server, given);
  const pushed = async (name: string, directory: string, rest: Omit<PushBody, "source"> = {}) => {
    return ended(server, await push(server, name, await bodyOf(directory, rest)));
  };
  const get = async (path: string) => {
    const answer = await server.send("GET", path, { as: server.admin });
    assert.equal(answer.statusCode, 200, answer.body);
    return answer.json();
  };
  const template = (name: string) => get(`${ORGANIZATION}/templates/${name}`);
  const presets = async (name: string) =>
    get(`/api/v2/templateversions/${(await template(name)).active_version_id}/presets`);
  const parameters = async (name: string) =>
    get(`/api/v2/templateversions/${(await template(name)).active_version_id}/rich-parameters`);
  return { ...server, server, worker, pushed, get, template, presets, parameters };
}
