import { startTestServer, type TestServer } from "./postgres.ts";

let server: TestServer | undefined;

/** Runs once before all test files: starts the database server and hands its address on to them. */
export async function globalSetup(): Promise<void> {
  server = await startTestServer(process.env["PREBUILDD_TEST_DATABASE_URL"]);
  process.env["PREBUILDD_TEST_DATABASE_URL"] = server.adminUrl;
  process.env["PREBUILDD_TEST_TEMPLATE"] = server.template;
}

/** Runs once after all test files. */
export async function globalTeardown(): Promise<void> {
  await server?.[Symbol.asyncDispose]();
}
