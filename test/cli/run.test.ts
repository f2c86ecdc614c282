import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { describe, it, type TestContext } from "node:test";
import { createTestDatabase } from "../support/database.ts";
import { MAIN, temporaryDirectory } from "./command.ts";

/** Runs the daemon on a database of the test's own until it says that it listens. */
async function startRun(t: TestContext) {
  const { url } = await createTestDatabase(t);
  const cwd = await temporaryDirectory(t);
  const env = { PATH: process.env["PATH"], DATABASE_URL: url };
  const child = spawn(process.execPath, [MAIN, "run", "--listen", "127.0.0.1:0"], { cwd, env });
  t.after(() => child.kill("SIGKILL"));
  const ended = once(child, "close");
  const stderr = text(child.stderr);
  const messages: string[] = [];
  const listening = Promise.withResolvers<void>();
  createInterface(child.stdout).on("line", (line) => {
    messages.push(JSON.parse(line).msg);
    if (messages.at(-1)?.startsWith("listening on ")) listening.resolve();
  });
  await Promise.race([listening.promise, ended]);
  return { child, ended, messages, stderr };
}

describe("run", () => {
  it("stops in order and exits with 0, also when the request to stop arrives twice", async (t) => {
    const { child, ended, messages, stderr } = await startRun(t);
    child.kill("SIGTERM");
    child.kill("SIGINT"); // as npx and supervisors do, which pass on what the terminal has sent to all
    await ended;
    assert.deepEqual([child.exitCode, child.signalCode, await stderr], [0, null, ""], messages.join("\n"));
    assert.equal(messages.at(-1), "stopped");
  });
});
