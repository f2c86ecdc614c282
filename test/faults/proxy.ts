import { connect, createServer, type Socket } from "node:net";

/** What stands between a replica and its database: it can lose connections, or keep them and pass nothing on. */
export type FaultyProxy = AsyncDisposable & {
  readonly port: number;
  /** Where connections lead from now on; those that there are stay. */
  leadTo(socketPath: string): void;
  /** `pass` lets everything through; `cut` ends all connections and refuses new ones; `freeze` keeps them silent. */
  set(state: "pass" | "cut" | "freeze"): void;
};

/** Starts a proxy to a Unix socket on a port of this machine's own. */
export async function startProxy(target: string): Promise<FaultyProxy> {
  let socketPath = target;
  let state: "pass" | "cut" | "freeze" = "pass";
  const pairs = new Set<readonly [Socket, Socket]>();
  const server = createServer({ allowHalfOpen: false }, (near) => {
    if (state === "cut") {
      near.resetAndDestroy();
      return;
    }
    const far = connect(socketPath);
    const pair = [near, far] as const;
    pairs.add(pair);
    for (const [socket, other] of [pair, [far, near]] as const) {
      socket.on("data", (data) => {
        if (!other.write(data)) socket.pause();
      });
      socket.on("drain", () => {
        if (state !== "freeze") other.resume();
      });
      socket.on("error", () => {}); // its end follows, and that is passed on
      socket.on("close", () => {
        pairs.delete(pair);
        other.destroy();
      });
    }
    // Bytes that are under way stay under way: nobody learns that they do not arrive.
    if (state === "freeze") for (const socket of pair) socket.pause();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy was given no port");
  const each = (act: (socket: Socket) => void) => {
    for (const pair of [...pairs]) for (const socket of pair) act(socket);
  };
  return {
    port: address.port,
    leadTo(path) {
      socketPath = path;
    },
    set(next) {
      state = next;
      if (next === "cut") for (const [near] of [...pairs]) near.resetAndDestroy();
      if (next === "freeze") each((socket) => socket.pause());
      if (next === "pass") each((socket) => socket.resume());
    },
    async [Symbol.asyncDispose]() {
      each((socket) => socket.destroy());
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
