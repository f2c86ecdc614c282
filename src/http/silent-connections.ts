import type { Socket } from "node:net";
import type { App } from "./app.ts";

/**
 * Lets a server close although connections are open over which no request has come yet. Browsers open such connections
 * ahead of what they may ask; Node would wait for them until a request is overdue.
 */
export function cutSilentConnections(app: Pick<App, "server" | "addHook">): void {
  const silent = new Set<Socket>();
  let closing = false;
  app.server.on("connection", (socket) => {
    if (closing) {
      socket.destroy();
      return;
    }
    silent.add(socket);
    socket.once("close", () => silent.delete(socket));
  });
  app.server.on("request", ({ socket }) => silent.delete(socket));
  app.addHook("preClose", async () => {
    closing = true;
    for (const socket of silent) socket.destroy();
  });
}
