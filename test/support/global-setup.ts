import { rm } from "node:fs/promises";
import { directoryOfRun, startTestServer } from "./postgres.ts";

const run = new AsyncDisposableStack();

/** Runs once before all test files: starts the database server and hands its address on to them. */
export async function globalSetup(): Promise<void> {
  // A process spends most of its start on compiling; what one of them has compiled the others only read.
  const compiled = await directoryOfRun();
  run.defer(() => rm(compiled, { recursive: true, force: true }));
  const server = run.use(await startTestServer(process.env["PREBUILDD_TEST_DATABASE_URL"]));
  Object.assign(process.env, {
    NODE_COMPILE_CACHE: compiled,
    PREBUILDD_TEST_DATABASE_URL: server.adminUrl,
    PREBUILDD_TEST_TEMPLATE: server.template,
    PREBUILDD_TEST_TEMPLATE_WITH_QUEUES: server.templateWithQueues,
    PREBUILDD_TEST_TEMPLATE_WITH_PEOPLE: server.templateWithPeople,
    PREBUILDD_TEST_PEOPLE: JSON.stringify(server.people),
  });
}

/** Runs once after all test files. */
export async function globalTeardown(): Promise<void> {
  await run.disposeAsync();
}
