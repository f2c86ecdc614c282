import type { FastifyReply } from "fastify";
import type { App, Health } from "./app.ts";

/** Where the probes and the metrics get what they say. */
export type HealthSources = {
  readonly health: () => Health;
  readonly metrics: (
    accept: string | undefined,
  ) => Promise<{ readonly contentType: string; readonly body: string | Buffer }>;
};

function answer(reply: FastifyReply, state: Health["live"]): FastifyReply {
  return reply
    .status(state.ok ? 200 : 503)
    .header("cache-control", "no-store")
    .send({ ok: state.ok, problems: state.problems });
}

/** Adds /healthz, /readyz and /metrics: open to everybody who reaches the port, and without any detail of users. */
export function registerHealthRoutes(app: Pick<App, "get">, sources: HealthSources): void {
  const config = { access: "public" } as const;
  const schema = { hide: true };
  app.get("/healthz", { config, schema }, (_request, reply) => answer(reply, sources.health().live));
  app.get("/readyz", { config, schema }, (_request, reply) => answer(reply, sources.health().ready));
  app.get("/metrics", { config, schema }, async (request, reply) => {
    const { contentType, body } = await sources.metrics(request.headers.accept);
    return reply.header("content-type", contentType).header("vary", "accept").send(body);
  });
}
