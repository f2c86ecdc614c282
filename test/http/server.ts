import { randomUUID } from "node:crypto";
import type { TestContext } from "node:test";
import type { InjectOptions, LightMyRequestResponse } from "fastify";
import type pg from "pg";
import { readConfig } from "../../src/config.ts";
import type { Context } from "../../src/context.ts";
import type { App, Health, RegisterRoutes } from "../../src/http/app.ts";
import { buildServer } from "../../src/http/server.ts";
import { createLogger } from "../../src/log.ts";
import { addMember, createOrganization, ensureDefaultOrganization } from "../../src/organizations/store.ts";
import { createClaimer } from "../../src/prebuilds/claim.ts";
import { createBuildQueue } from "../../src/provisioner/queue.ts";
import { createUser, ensureAdmin } from "../../src/users/store.ts";
import { createToken } from "../../src/users/tokens/create.ts";
import { createWake } from "../../src/wake.ts";
import { createDatabaseWithQueues, type TestDatabase } from "../support/database.ts";

/** A user with a token that works. */
export type TestUser = { readonly id: string; readonly username: string; readonly token: string };

/** What a test can change about the running server. */
export type TestServer = {
  readonly app: App;
  readonly context: Context;
  readonly pool: pg.Pool;
  readonly databaseUrl: string;
  readonly defaultOrganizationId: string;
  /** The organization `other`. */
  readonly otherOrganizationId: string;
  /** A site owner. */
  readonly admin: TestUser;
  /** A member of the default organization. */
  readonly alice: TestUser;
  /** A member of the organization `other` only. */
  readonly bob: TestUser;
  /** A member of nothing. */
  readonly nobody: TestUser;
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
    /** A migrated database without anything in it; one of the test's own is made when there is none. */
    readonly database?: TestDatabase;
  } = {},
): Promise<TestServer> {
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const { url: databaseUrl, pool } = database ?? (await createDatabaseWithQueues(t));
  const logged: Record<string, unknown>[] = [];
  const log = createLogger("trace", { write: (line) => void logged.push(JSON.parse(line)) });
  let skewMs = 0;
  const clock = { now: () => new Date(Date.now() + skewMs) };
  const queue = stack.use(createBuildQueue(pool, log));
  await queue.start();
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

  const organization = await ensureDefaultOrganization(pool);
  const other = await createOrganization(pool, { name: "other" });
  const withToken = async ({ id, username }: { id: string; username: string }): Promise<TestUser> => ({
    id,
    username,
    token: await createToken(pool, { userId: id, name: "test" }),
  });
  const person = (username: string) => createUser(pool, { username, email: `${username}@example.com` });
  const admin = await withToken(await ensureAdmin(pool));
  const alice = await withToken(await person("alice"));
  const bob = await withToken(await person("bob"));
  const nobody = await withToken(await person("nobody"));
  await addMember(pool, { organizationId: organization.id, userId: alice.id });
  await addMember(pool, { organizationId: other.id, userId: bob.id });

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
    defaultOrganizationId: organization.id,
    otherOrganizationId: other.id,
    admin,
    alice,
    bob,
    nobody,
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
