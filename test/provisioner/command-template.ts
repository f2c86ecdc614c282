import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { BuildLogLine, BuildRequest } from "../../src/provisioner/driver.ts";

/** Makes a directory that is gone after the test. */
export async function makeDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "prebuildd-test-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Makes a template: what each executable does, in sh. A text that begins with #! is taken as it is. */
export async function makeTemplate(t: TestContext, executables: Readonly<Record<string, string>>): Promise<string> {
  const directory = await makeDirectory(t);
  for (const [name, body] of Object.entries(executables)) {
    await writeFile(join(directory, name), body.startsWith("#!") ? body : `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  }
  return directory;
}

/** A request to start an ordinary workspace, except for what is given. */
export function requestFor(sourceDir: string, over: Partial<BuildRequest> = {}): BuildRequest {
  return {
    workspace: {
      id: "9a7bd0a2-3f0b-4a43-9c6a-6c2a5c2f7a11",
      name: "mine",
      ownerId: "1d0f2f4e-7f0e-4c1c-8d5c-0d3a3a1c9b22",
      ownerName: "ada",
      ownerFullName: "Ada Lovelace",
      ownerEmail: "ada@example.com",
      organizationName: "default",
      templateId: "3c1d7a64-0f6e-4b57-a0b0-7f8b5b8a4c33",
      templateName: "devbox",
      templateVersion: "v1",
    },
    buildId: "5e2b9c1f-6a1d-4d8e-b1c2-8f9d0e7a6b44",
    transition: "start",
    stage: "none",
    parameters: {},
    state: null,
    sourceDir,
    workspaceDir: join(sourceDir, "unused"),
    ...over,
  };
}

/** Collects log lines; the signal is never aborted unless one is given. */
export function recordingContext(signal: AbortSignal = new AbortController().signal) {
  const lines: BuildLogLine[] = [];
  return {
    signal,
    log: (line: BuildLogLine) => void lines.push(line),
    keepState: async () => true,
    commitCost: async () => undefined,
    lines,
  };
}
