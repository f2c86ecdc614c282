import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { freePort } from "./free-port.ts";
import { waitFor } from "./wait-for.ts";

type Mode = "transaction" | "session";

/** A PgBouncer in front of a database. */
export type Pooler = {
  /** The database's URL through it. */
  readonly url: string;
  /** Kills it, with all its connections, and starts it again; resolves when it listens. */
  restart(): Promise<void>;
};

/** Starts PgBouncer in front of a database; undefined where it is not installed. Returns the URL through it. */
export async function startPgBouncer(t: TestContext, url: string, mode: Mode): Promise<string | undefined> {
  return (await startPooler(t, url, mode))?.url;
}

/** The same, and a way to start it again. */
export async function startPooler(t: TestContext, url: string, mode: Mode): Promise<Pooler | undefined> {
  if (spawnSync("pgbouncer", ["--version"]).status !== 0) return undefined;
  const target = new URL(url);
  const directory = await mkdtemp(join(tmpdir(), "prebuildd-pgbouncer-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  await chmod(directory, 0o755);
  const database = target.pathname.slice(1);
  const host = target.searchParams.get("host") ?? target.hostname;
  const port = await freePort();
  const config = join(directory, "pgbouncer.ini");
  await writeFile(
    config,
    `[databases]
${database} = host=${host} port=${target.port || 5432} dbname=${database} user=${target.username}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = ${mode}
default_pool_size = 5
server_reset_query_always = 0
`,
    { mode: 0o644 },
  );
  // PgBouncer refuses to run as root.
  const asNobody = process.getuid?.() === 0 ? ["-u", "postgres"] : [];
  let child: ChildProcess | undefined;
  const start = async () => {
    child = spawn("pgbouncer", ["-q", ...asNobody, config], { stdio: "ignore" });
    await waitFor("PgBouncer to listen", () => canConnect(port));
  };
  t.after(() => child?.kill("SIGKILL"));
  await start();
  return {
    url: `postgresql://${target.username}@127.0.0.1:${port}/${database}`,
    async restart() {
      if (child?.kill("SIGKILL")) await once(child, "exit");
      await start();
    },
  };
}

function canConnect(port: number): Promise<true | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(undefined));
  });
}
