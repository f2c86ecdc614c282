import { createServer } from "node:net";
import type { ListenAddress } from "../config.ts";
import { ProblemError } from "../errors.ts";
import type { App } from "./app.ts";

const shown = ({ host, port }: ListenAddress) => (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`);

function explain(error: NodeJS.ErrnoException, address: ListenAddress): Error {
  const other = shown({ host: address.host, port: address.port + 1 });
  if (error.code === "EADDRINUSE") {
    return new ProblemError(
      "conflict",
      `${shown(address)} is already in use, perhaps by another prebuildd. Choose another address, for example PREBUILDD_LISTEN=${other}.`,
      { cause: error },
    );
  }
  if (["EACCES", "EADDRNOTAVAIL", "ENOTFOUND"].includes(error.code ?? "")) {
    return new ProblemError("invalid", `cannot listen on ${shown(address)}: ${error.message}. Set PREBUILDD_LISTEN.`, {
      cause: error,
    });
  }
  return error;
}

/** Fails at once, before anything else has been begun, when the address cannot be listened on. */
export async function assertPortFree(address: ListenAddress): Promise<void> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once("error", (error) => reject(explain(error, address)));
    probe.listen({ ...address, exclusive: true }, () => probe.close(() => resolve()));
  });
}

/** Lets a server listen until the stack is disposed; returns the base URL. */
export async function listenOn(stack: AsyncDisposableStack, app: App, address: ListenAddress): Promise<string> {
  stack.defer(() => app.close());
  try {
    await app.listen({ host: address.host, port: address.port, listenTextResolver: (at) => `listening on ${at}` });
  } catch (error) {
    throw explain(error as NodeJS.ErrnoException, address);
  }
  const bound = app.server.address();
  const port = typeof bound === "object" && bound ? bound.port : address.port;
  const host = address.host === "0.0.0.0" ? "127.0.0.1" : address.host === "::" ? "::1" : address.host;
  return `http://${shown({ host, port })}`;
}
