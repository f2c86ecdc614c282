import { chmod, mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type pg from "pg";
import { applyDocument } from "../../src/apply/execute.ts";
import { loadApplyFile } from "../../src/apply/load.ts";
import { COMMAND_LINE } from "../../src/audit/entry.ts";
import { openPool } from "../../src/db/connection.ts";
import { migrateUp } from "../../src/db/migrate.ts";
import { ensureDefaultOrganization } from "../../src/organizations/store.ts";
import { createRandom } from "../../src/prebuilds/world-events.fixture.ts";
import { createBuildQueue } from "../../src/provisioner/queue.ts";
import { ensureAdmin } from "../../src/users/store.ts";
import { createToken } from "../../src/users/tokens/create.ts";
import { createWake } from "../../src/wake.ts";
import { plainContext, silent } from "../support/given.ts";
import { type Client, createClient } from "./client.ts";
import { createDisk, type Disk } from "./disk.ts";
import { REPLICAS } from "./plan.ts";
import { startPostgres } from "./postgres.ts";
import { type FaultyProxy, startProxy } from "./proxy.ts";
import { createReplica, type Replica } from "./replica.ts";
import { createWorld, type World } from "./world.ts";

/** Three replicas, each behind a proxy of its own, a database that can be restarted, and the world that they act on. */
export type Cluster = {
  /** Leads to the database without a detour, whether or not it has been restarted since. */
  readonly database: pg.Pool;
  readonly replicas: readonly { readonly replica: Replica; readonly proxy: FaultyProxy }[];
  readonly world: World;
  readonly disk: Disk;
  readonly client: Client;
  /** The tokens of those who ask for workspaces, by username. */
  readonly users: ReadonlyMap<string, string>;
  readonly adminToken: string;
  readonly templates: readonly string[];
  /** Writes a source of the template that differs from others by this text, and returns its directory. */
  writeSource(text: string): Promise<string>;
  /** Ends the database's server, in order or as in a crash, and starts it again when the promise is kept. */
  restartDatabase(how: "fast" | "immediate", backAfter: Promise<unknown>): Promise<void>;
};

const TEMPLATES = ["alpha", "beta"];
const USERS = ["ann", "ben", "cleo", "dan"];

/** What the pools are: one of some size, a small one, and one whose prebuilds expire all the time. */
const documentOf = (source: string) => `
organizations: [{ name: default }]
users:
${USERS.map((name) => `  - { username: ${name}, email: ${name}@example.com, organizations: [{ name: default }] }`).join("\n")}
templates:
  - name: alpha
    organization: default
    provisioner: command
    source: ${source}
    presets:
      - { name: wide, parameters: { size: wide }, prebuilds: { instances: 5 } }
      - { name: brief, parameters: { size: brief }, prebuilds: { instances: 2, expiration_policy: { ttl: 20s } } }
  - name: beta
    organization: default
    provisioner: command
    source: ${source}
    presets:
      - { name: narrow, parameters: { size: narrow }, prebuilds: { instances: 3 } }
`;

/** Starts all of it below `root`; replicas are not started yet. */
export async function startCluster(
  stack: AsyncDisposableStack,
  root: string,
  given: { readonly seed: number; readonly onUnexpectedEnd: (problem: string) => void },
): Promise<Cluster> {
  await chmod(root, 0o755);
  const world = stack.use(await createWorld(join(root, "world")));
  const disk = stack.use(await createDisk(join(root, "disk")));
  const postgres = stack.use(await startPostgres(join(root, "postgres")));
  // Clients come and go with the server; whoever connects next is led to where it is then.
  const direct = stack.use(await startProxy(postgres.socketPath));
  const throughPort = (port: number) => `postgresql://prebuildd@127.0.0.1:${port}/prebuildd`;
  await migrateUp(postgres.url);
  const database = stack.adopt(openPool(throughPort(direct.port), silent, { max: 6 }), (pool) => pool.end());

  const sources = join(root, "sources");
  await mkdir(sources);
  const writeSource = async (text: string) => {
    const directory = await mkdtemp(join(sources, "source-"));
    await world.writeSource(directory, text);
    return directory;
  };
  const { users, adminToken } = await fillDatabase(database, root, await writeSource("first"));

  const replicas: { replica: Replica; proxy: FaultyProxy }[] = [];
  for (let number = 1; number <= REPLICAS; number += 1) {
    const proxy = stack.use(await startProxy(postgres.socketPath));
    const databaseUrl = throughPort(proxy.port);
    const name = `replica-${number}`;
    const { onUnexpectedEnd } = given;
    const replica = stack.use(
      await createReplica({ name, directory: root, disk: disk.directory, databaseUrl, onUnexpectedEnd }),
    );
    replicas.push({ replica, proxy });
  }
  const client = createClient(
    replicas.map(({ replica }) => replica.url),
    createRandom(given.seed),
  );
  return {
    database,
    replicas,
    world,
    disk,
    client,
    users,
    adminToken,
    templates: TEMPLATES,
    writeSource,
    async restartDatabase(how, backAfter) {
      await postgres.restart(how, backAfter);
      for (const { leadTo } of [direct, ...replicas.map(({ proxy }) => proxy)]) leadTo(postgres.socketPath);
    },
  };
}

/** Makes people, their tokens and the pools. */
async function fillDatabase(
  database: pg.Pool,
  root: string,
  source: string,
): Promise<{ users: Map<string, string>; adminToken: string }> {
  await using queue = createBuildQueue(database, silent);
  await queue.start();
  await ensureDefaultOrganization(database);
  const admin = await ensureAdmin(database);
  const wake = createWake(database, silent);
  const context = plainContext({ pool: database, queue, wake });
  const file = join(root, "prebuildd.yaml");
  await writeFile(file, documentOf(source));
  const { document } = await loadApplyFile(file);
  await applyDocument(context, document, { initiatorId: admin.id, actor: COMMAND_LINE });
  await wake.settled();
  const users = new Map<string, string>();
  const { rows } = await database.query<{ id: string; username: string }>(
    "select id, username from users where username = any($1)",
    [USERS],
  );
  for (const { id, username } of rows) users.set(username, await createToken(database, { userId: id, name: "load" }));
  return { users, adminToken: await createToken(database, { userId: admin.id, name: "load" }) };
}
