import { randomUUID } from "node:crypto";
import type { TestContext } from "node:test";
import type { InjectOptions, LightMyRequestResponse } from "fastify";
import type pg from "pg";
import { readConfig } from "../../src/config.ts";
import type { Context } from "../../src/context.ts";
import type { App, Health, RegisterRoutes } from "../../src/http/app.ts";
import { buildServer } from "../../src/http/server.ts";
import { createLogger } from "../../src/log.ts";
import { addMember } from "../../src/organizations/store.ts";
import { createClaimer } from "../../src/prebuilds/claim.ts";
import { createUser } from "../../src/users/store.ts";
import { createToken } from "../../src/users/tokens/create.ts";
import { createWake } from "../../src/wake.ts";
import { createDatabaseWithPeople, type TestDatabase } from "../support/database.ts";
import { addPeople, type People, type TestUser } from "../support/people.ts";
import { createQueueForTest } from "../support/queue.ts";

export type { TestUser };

/** What a test can change about the running server. */
export type TestServer = People & {
  readonly app: App;
  readonly context: Context;
  readonly pool: pg.Pool;
  readonly databaseUrl: string;
  /** The lines that the server has logged, at every level. */
  readonly logged: Record<string, unknown>[];
  setHealth(health: Partial<Health>): void;
  /** Moves the server's clock. */
  advance(ms: number): void;
  /** Sends a request; `as` adds that user's token, `json` a body. */
  send(
    method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE",
    path: string,
    options?: { as?: TestUser; json?: unknown; headers?: Record<string, string>; payload?: string },
  ): Promise<LightMyRequestResponse>;
};

const OK: Health = { live: { ok: true, problems: [] }, ready: { ok: true, problems: [] } };

/** Builds the real server on a fresh database, without listening: requests are handed to it directly. */
export async function startTestServer(
  t: TestContext,
  {
    workspaceSharingDisabled = false,
    database,
    ...options
  }: {
    readonly routes?: readonly RegisterRoutes[];
    readonly workspaceSharingDisabled?: boolean;
    /** Tells the status page of changes, as the daemon's listener does. */
    readonly poolsChanged?: EventTarget;
    /** A migrated database without anything in it; one of the test's own is made when there is none. */
    readonly database?: TestDatabase;
  } = {},
): Promise<TestServer> {
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const given = database ? { ...database, people: await addPeople(database.pool) } : await createDatabaseWithPeople(t);
  const { url: databaseUrl, pool, people } = given;
  const logged: Record<string, unknown>[] = [];
  const log = createLogger("trace", { write: (line) => void logged.push(JSON.parse(line)) });
  let skewMs = 0;
  const clock = { now: () => new Date(Date.now() + skewMs) };
  const queue = stack.use(createQueueForTest(pool, log));
  const wake = createWake(pool, log);
  const poolSettings = readConfig({});
  const claimPrebuild = createClaimer({ pool, queue });
  const notifications = { windowMs: 0, channels: ["inbox"] } as const;
  const context: Context = {
    pool,
    queue,
    wake,
    clock,
    log,
    poolSettings,
    workspaceSharingDisabled,
    claimPrebuild,
    aiBudgetPolicy: "highest",
    notifications,
  };

  let health = OK;
  const app = await buildServer(context, {
    health: () => health,
    metrics: async () => ({ contentType: "text/plain; version=0.0.4", body: "up 1\n" }),
    ...options,
  });
  stack.defer(() => wake.settled());
  stack.defer(() => app.close());

  return {
    app,
    context,
    pool,
    databaseUrl,
    ...people,
    logged,
    setHealth: (change) => {
      health = { ...OK, ...change };
    },
    advance: (ms) => {
      skewMs += ms;
    },
    send: (method, path, { as, json, headers = {}, payload } = {}) => {
      const request: InjectOptions = { method, url: path, headers: { ...headers } };
      if (as) request.headers = { ...request.headers, authorization: `Bearer ${as.token}` };
      if (json !== undefined) request.payload = json as NonNullable<InjectOptions["payload"]>;
      if (payload !== undefined) request.payload = payload;
      return app.inject(request);
    },
  };
}

/**
 * A new user with a token, and with these roles: a member of the default organization unless another one is named;
 * null means of none. What the token is limited to is written as in the API.
 */
export async function givenUser(
  server: Pick<TestServer, "pool" | "defaultOrganizationId">,
  given: {
    readonly siteRoles?: readonly string[];
    /** The organization's id. */
    readonly organization?: string | null;
    readonly roles?: readonly string[];
    readonly scopes?: readonly string[];
    readonly allowList?: readonly string[];
  } = {},
): Promise<TestUser> {
  const { pool, defaultOrganizationId } = server;
  const username = `user-${randomUUID().slice(0, 13)}`;
  const { siteRoles = [], roles = [], organization = defaultOrganizationId } = given;
  const { id } = await createUser(pool, { username, email: `${username}@example.com`, siteRoles });
  if (organization !== null) await addMember(pool, { organizationId: organization, userId: id, roles });
  const token = await createToken(pool, { userId: id, name: "test" });
  await pool.query("update api_keys set scopes = $2, allow_list = $3 where user_id = $1", [
    id,
    given.scopes ?? ["all"],
    given.allowList ?? ["*:*"],
  ]);
  return { id, username, token };
}

/** Records the statements that the pool is given from now on. */
export function countStatements(pool: pg.Pool): string[] {
  const statements: string[] = [];
  const query = pool.query.bind(pool) as (...given: unknown[]) => unknown;
  Object.assign(pool, {
    query: (...given: [string | { text: string }, ...unknown[]]) => {
      statements.push(typeof given[0] === "string" ? given[0] : given[0].text);
      return query(...given);
    },
  });
  return statements;
}
