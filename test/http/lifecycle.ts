import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { startTestServer, type TestServer, type TestUser } from "./server.ts";
import { givenPrebuild, givenTemplate, givenWorkspace, type TestTemplate, type WorkspaceOptions } from "./world.ts";

/** Monday, eight o'clock in UTC: what the server's clock shows. */
export const MONDAY = new Date("2024-01-01T08:00:00Z");
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

/** So long after the clock's beginning. */
export const after = (ms: number): Date => new Date(MONDAY.getTime() + ms);

/** What is stored of a workspace's lifecycle and of its latest build. */
export type StoredLifecycle = {
  readonly autostart_schedule: string | null;
  readonly next_start_at: Date | null;
  readonly ttl_ms: number | null;
  readonly last_used_at: Date;
  readonly dormant_at: Date | null;
  readonly deleting_at: Date | null;
  readonly deadline: Date | null;
  readonly max_deadline: Date | null;
  readonly latest_deadline: Date | null;
  readonly reason: string;
  readonly transition: string;
  readonly build_number: number;
};

/** A server whose clock stands still, with a running workspace of alice's, `dev`, and columns of its template. */
export async function givenLifecycle(t: TestContext, settings: Readonly<Record<string, unknown>> = {}) {
  const server = await startTestServer(t);
  let time = MONDAY;
  Object.assign(server.context.clock, { now: () => time });
  const template = await givenTemplate(server);
  await setTemplate(server, template, settings);
  const dev = await givenOwned(server, template, { name: "dev" });
  return {
    server,
    template,
    dev,
    /** Makes it so late, in milliseconds since the beginning. */
    setTime(ms: number): void {
      time = after(ms);
    },
    put: (what: string, json: unknown, as: TestUser = server.alice, id = dev.id) =>
      server.send("PUT", `/api/v2/workspaces/${id}/${what}`, { as, json }),
    stored: (id = dev.id) => readStored(server, id),
  };
}

/** Writes columns of a template. */
export async function setTemplate(
  { pool }: Pick<TestServer, "pool">,
  { id }: TestTemplate,
  settings: Readonly<Record<string, unknown>>,
): Promise<void> {
  for (const [column, value] of Object.entries(settings)) {
    await pool.query(`update templates set ${column} = $2 where id = $1`, [id, value]);
  }
}

/** A workspace of alice's, last used at the beginning, whose deadlines are unset unless given. */
export async function givenOwned(
  server: TestServer,
  template: TestTemplate,
  given: Partial<WorkspaceOptions> & { readonly deadline?: Date; readonly maxDeadline?: Date } = {},
) {
  const made = await givenWorkspace(server, { ownerId: server.alice.id, name: "one", template, ...given });
  await server.pool.query("update workspaces set last_used_at = $2, created_at = $2 where id = $1", [made.id, MONDAY]);
  await setDeadlines(server, made.buildId, given.deadline ?? null, given.maxDeadline ?? null);
  return made;
}

export async function setDeadlines(
  { pool }: Pick<TestServer, "pool">,
  buildId: string,
  deadline: Date | null,
  maxDeadline: Date | null = null,
): Promise<void> {
  await pool.query("update workspace_builds set deadline = $2, max_deadline = $3, created_at = $4 where id = $1", [
    buildId,
    deadline,
    maxDeadline,
    MONDAY,
  ]);
}

/** A prebuild, and what alice gets who claims it. */
export async function givenClaimable(server: TestServer, template: TestTemplate) {
  const prebuild = await givenPrebuild(server, template);
  return {
    ...prebuild,
    async claim(): Promise<void> {
      const json = { name: "mine", template_id: template.id, template_version_preset_id: template.smallId };
      const path = "/api/v2/organizations/default/members/me/workspaces";
      const answer = await server.send("POST", path, { as: server.alice, json });
      assert.deepEqual([answer.statusCode, answer.json().claimed], [201, true], answer.body);
      await server.pool.query("update provisioner_jobs set started_at = $1, completed_at = $1", [MONDAY]);
    },
  };
}

export async function readStored({ pool }: Pick<TestServer, "pool">, id: string): Promise<StoredLifecycle> {
  const { rows } = await pool.query<StoredLifecycle>(
    `select w.autostart_schedule, w.next_start_at, (w.ttl / 1000000)::float8 as ttl_ms, w.last_used_at, w.dormant_at,
       w.deleting_at, b.deadline, b.max_deadline, w.latest_deadline, b.reason, b.transition, b.build_number
     from workspaces w join workspace_builds b on b.id = w.latest_build_id where w.id = $1`,
    [id],
  );
  return rows[0] ?? assert.fail("there is no such workspace");
}

/** A refusal of one field. */
export function assertRefused(
  answer: { readonly statusCode: number; readonly body: string; json(): unknown },
  field: string,
  detail: RegExp,
): void {
  assert.equal(answer.statusCode, 400, answer.body);
  const { validations } = answer.json() as { validations: { field: string; detail: string }[] };
  assert.deepEqual(
    validations.map((one) => one.field),
    [field],
    answer.body,
  );
  assert.match(validations[0]?.detail ?? "", detail);
}
