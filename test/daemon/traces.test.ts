import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type CommandPool, givenCommandPool } from "../support/command-pool.ts";
import { type DaemonProcess, startProcess } from "../support/daemon.ts";
import { createDatabaseWithPeople } from "../support/database.ts";
import { type ReceivedSpan, startCollector } from "../support/otlp.ts";
import type { People } from "../support/people.ts";
import { waitFor } from "../support/wait-for.ts";

const CALLER = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" };
const REQUEST = "0c5f2b5e-7f43-4d9e-8a1d-3a8f5ad0c001";
const SECRETS = {
  parameter: "value-of-a-parameter",
  state: "state-of-the-template",
  webhook: "secret-of-the-webhook",
  smtp: "password-of-the-mail",
};
const SCRIPTS = {
  start: `echo "$TRACEPARENT" >"$TEST_DIR/start"; echo ${SECRETS.state} >"$PREBUILDD_STATE_FILE"; echo ${SECRETS.parameter}`,
  claim: `echo "$TRACEPARENT" >"$TEST_DIR/claim"`,
  ready: "exit 0",
  delete: "exit 0",
};

/** The names from the root of the trace, or from where it came in, down to the span. */
function pathOf(spans: readonly ReceivedSpan[], span: ReceivedSpan): string[] {
  const parent = spans.find(({ spanId, traceId }) => spanId === span.parentId && traceId === span.traceId);
  return [...(parent ? pathOf(spans, parent) : []), span.name];
}

/** Claims for alice as a caller that has a trace and a request id of its own. */
async function claim(daemon: DaemonProcess, people: People, pool: CommandPool): Promise<{ url: string; id: string }> {
  const url = await daemon.ready();
  const path = `${url}/api/v2/organizations/default/members/${people.alice.username}/workspaces?wait=20`;
  const answer = await fetch(path, {
    method: "POST",
    headers: {
      authorization: `Bearer ${people.admin.token}`,
      "content-type": "application/json",
      "x-request-id": REQUEST,
      traceparent: `00-${CALLER.traceId}-${CALLER.spanId}-01`,
    },
    body: JSON.stringify({
      name: "mine",
      template_version_id: pool.versionId,
      template_version_preset_id: pool.presetId,
    }),
  });
  assert.equal(answer.headers.get("x-request-id"), REQUEST);
  const body = (await answer.json()) as { id: string; claimed: boolean };
  assert.equal(answer.status, 201, JSON.stringify(body));
  assert.ok(body.claimed);
  return { url, id: body.id };
}

it("traces lead from pass and request over the queue to the template, the log from plan to claim, and neither has a secret", async (t) => {
  const database = await createDatabaseWithPeople(t);
  const collector = await startCollector(t);
  const pool = await givenCommandPool(t, database.pool, SCRIPTS, { parameters: { size: SECRETS.parameter } });
  const daemon = await startProcess(t, ["run"], {
    env: {
      DATABASE_URL: database.url,
      PREBUILDD_LOG_LEVEL: "trace",
      PREBUILDD_PROVISIONERS: "2",
      PREBUILDD_WEBHOOK_URL: "http://127.0.0.1:9/hook",
      PREBUILDD_WEBHOOK_SECRET: SECRETS.webhook,
      PREBUILDD_SMTP_URL: `smtp://mail:${SECRETS.smtp}@127.0.0.1:9`,
      PREBUILDD_SMTP_FROM: "prebuildd@example.com",
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    },
  });
  const { url, id: workspaceId } = await claim(daemon, database.people, pool);
  const ended = (transition: string, stage: string) =>
    waitFor(`${stage} to end`, () =>
      daemon.logs.find(
        (line) =>
          line.msg.startsWith("build succeeded") &&
          line["workspace"] === workspaceId &&
          line["transition"] === transition &&
          line["stage"] === stage,
      ),
    );
  const start = await ended("start", "create");
  const handover = await ended("start", "claim");
  const removal = await fetch(`${url}/api/v2/workspaces/${workspaceId}/builds`, {
    method: "POST",
    headers: { authorization: `Bearer ${database.people.admin.token}`, "content-type": "application/json" },
    body: JSON.stringify({ transition: "delete" }),
  });
  assert.equal(removal.status, 201);
  await ended("delete", "none");
  for (const told of ["the log level is debug now, and was trace", "the log level is trace now, and was debug"]) {
    daemon.child.kill("SIGUSR2");
    await daemon.logged(told);
  }
  daemon.child.kill("SIGTERM");
  assert.deepEqual(await daemon.exited(), { code: 0, signal: null }, "and what was left has been sent");

  const { spans } = collector;
  const scripts = (name: string, build: unknown) =>
    spans.filter(
      (span) =>
        span.name === name &&
        spans.some(
          (job) => job.name === "job" && job.traceId === span.traceId && job.attributes["prebuildd.build.id"] === build,
        ),
    );
  const [started] = scripts("run start", start["build"]);
  const [took] = scripts("run claim", handover["build"]);
  assert.ok(started && took);
  assert.deepEqual(pathOf(spans, started), ["pass", "action create", "job", "driver", "run start"]);
  const route = "POST /api/v2/organizations/:organization/members/:user/workspaces";
  assert.deepEqual(pathOf(spans, took), [route, "claim", "job", "driver", "run claim"]);
  assert.equal(took.traceId, CALLER.traceId, "the caller's trace");
  assert.equal(spans.find(({ name }) => name === route)?.parentId, CALLER.spanId);
  const told = await readFile(join(pool.testDir, "claim"), "utf8");
  assert.equal(told, `00-${took.traceId}-${took.spanId}-01\n`, "the template can go on");
  assert.deepEqual([...collector.services], ["prebuildd"]);

  const one = (msg: string, which: (line: (typeof daemon.logs)[number]) => boolean) =>
    daemon.logs.find((line) => line.msg.startsWith(msg) && which(line)) ?? assert.fail(`no line "${msg}"`);
  const action = one("pool ", ({ workspaces }) => Array.isArray(workspaces) && workspaces.includes(workspaceId));
  assert.deepEqual([action["kind"], action["reason"]], ["create", "below_target"]);
  assert.ok((action["jobs"] as string[]).includes(String(start["job"])));
  one("pass over", ({ pass, level }) => pass === action["pass"] && level === "info");
  one("agent ready", ({ job }) => job === start["job"]);
  const handed = one("workspace claimed", ({ workspace }) => workspace === workspaceId);
  assert.deepEqual(
    [handed["request"], handed["preset"], handed["owner"], handed["job"]],
    [REQUEST, pool.presetId, database.people.alice.id, handover["job"]],
  );

  const { rows } = await database.pool.query("select request_id from audit_logs where action = 'claim'");
  assert.equal(rows[0].request_id, REQUEST);
  const everything = JSON.stringify([daemon.logs, daemon.text(), spans]);
  const hidden = [...Object.values(SECRETS), database.url, database.people.admin.token];
  for (const secret of hidden)
    assert.ok(!everything.includes(secret), `${secret.slice(0, 12)}… is in the log or a trace`);
});

it("without a collector nothing of the SDK is loaded", async () => {
  const [daemon, tracing] = ["daemon.ts", "tracing.ts"].map(
    (file) => new URL(`../../src/${file}`, import.meta.url).href,
  );
  const script = `
    import { registerHooks } from "node:module";
    const loaded = [];
    registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
    await import("${daemon}");
    await (await import("${tracing}")).startTracing(undefined, {});
    console.log(JSON.stringify(loaded.filter((url) => url.includes("@opentelemetry")).map((url) => url.split("@opentelemetry/")[1].split("/")[0])));`;
  const cwd = fileURLToPath(new URL("../../", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], { cwd });
  const packages = new Set<string>(JSON.parse(stdout));
  assert.deepEqual([...packages], ["api"]);
});
