import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parse, stringify } from "yaml";
import { createToken } from "../../src/users/tokens/create.ts";
import { startProcess, temporaryDirectory } from "../support/daemon.ts";
import { emptyDatabase } from "../support/database.ts";
import { needsTerraform } from "../support/terraform.ts";
import { waitFor } from "../support/wait-for.ts";

const run = promisify(execFile);
const repository = fileURLToPath(new URL("../..", import.meta.url));
const example = join(repository, "examples/terraform");

type LogLine = { log_level: string; output: string };
type InboxAnswer = { id: string; event: string; content: string; data: unknown }[];

/** The example's apply file with two people who are to be told. */
async function applyFile(directory: string): Promise<string> {
  const document = parse(await readFile(join(example, "prebuildd.yaml"), "utf8"));
  document.users = ["tina", "tom"].map((username) => ({
    username,
    email: `${username}@example.com`,
    roles: ["template-admin"],
  }));
  for (const template of document.templates) {
    template.source = join(example, template.source);
    for (const preset of template.presets) preset.parameters.root = join(directory, "homes");
  }
  const path = join(directory, "prebuildd.yaml");
  await writeFile(path, stringify(document));
  return path;
}

it(
  "a pool of Terraform prebuilds fills; a claim that drifts is in log, metric and notifications, one that does not is in none",
  needsTerraform,
  async (t) => {
    const { url: databaseUrl, pool } = await emptyDatabase(t);
    const daemon = await startProcess(t, ["run", "--apply", await applyFile(await temporaryDirectory(t))], {
      env: { DATABASE_URL: databaseUrl, PREBUILDD_METRICS_INTERVAL: "100ms", PREBUILDD_NOTIFICATION_WINDOW: "0" },
    });
    const url = await daemon.ready();
    const tokenOf = async (username: string) => {
      const { rows } = await pool.query<{ id: string }>("select id from users where username = $1", [username]);
      return createToken(pool, { userId: rows[0]?.id ?? "", name: "test" });
    };
    const as = async <T>(token: string, path: string): Promise<T> => {
      const response = await fetch(`${url}/api/v2${path}`, { headers: { authorization: `Bearer ${token}` } });
      assert.equal(response.status, 200, path);
      return (await response.json()) as T;
    };
    const admin = await tokenOf("admin");
    const prebuildd = async (...args: string[]) => {
      const env = { PATH: process.env["PATH"], PREBUILDD_URL: url, PREBUILDD_TOKEN: admin };
      const { stdout } = await run(process.execPath, [join(repository, "src/main.ts"), ...args, "--json"], { env });
      return JSON.parse(stdout);
    };
    const replacements = async () => {
      const body = await (await fetch(`${url}/metrics`)).text();
      return body
        .split("\n")
        .filter((line) => line.startsWith("coderd_prebuilt_workspaces_resource_replacements_total"));
    };
    const claim = async (preset: string, name: string) => {
      const { id } = await prebuildd("claim", "--template", "devbox", "--preset", preset, "--name", name);
      const { rows } = await waitFor("the claim build to end", async () => {
        const found = await pool.query<{ id: string; job_status: string }>(
          `select b.id, j.job_status from workspace_builds b join provisioner_jobs j on j.id = b.job_id
         where b.workspace_id = $1 and b.build_number = 2 and j.completed_at is not null`,
          [id],
        );
        return found.rows.length > 0 ? found : undefined;
      });
      assert.equal(rows[0]?.job_status, "succeeded");
      const lines = await as<LogLine[]>(admin, `/workspacebuilds/${rows[0]?.id}/logs`);
      return lines.filter(({ log_level }) => log_level === "warn").map(({ output }) => output);
    };
    const inboxes = async () => {
      const people = [await tokenOf("tina"), await tokenOf("tom")];
      return Promise.all(people.map((token) => as<InboxAnswer>(token, "/notifications/inbox")));
    };
    await daemon.logged("all pools are full");

    assert.deepEqual(await claim("small", "steady"), []);
    assert.deepEqual(await replacements(), []);
    assert.deepEqual(await inboxes(), [[], []]);

    const warnings = await claim("drifting", "drifted");
    assert.equal(warnings.length, 1, warnings.join("\n"));
    assert.match(warnings[0] ?? "", /^ +~ triggers_replace = .* # forces replacement$/);
    const counted = await waitFor("the counter", async () => {
      const lines = await replacements();
      return lines.length > 0 ? lines : undefined;
    });
    assert.match(
      counted.join("\n"),
      /\{template_name="devbox",preset_name="drifting",organization_name="default"\} 1$/,
    );
    const told = await waitFor("the messages", async () => {
      const found = await inboxes();
      return found.every((messages) => messages.length > 0) ? found : undefined;
    });
    for (const messages of told) {
      assert.deepEqual(
        messages.map(({ event }) => event),
        ["resource_replaced"],
      );
      assert.match(JSON.stringify(messages), /terraform_data\.machine\[0\].*triggers_replace/s);
      assert.match(messages[0]?.content ?? "", /drifted/);
    }
    for (const name of ["steady", "drifted"]) await prebuildd("workspaces", "delete", name);
  },
);
