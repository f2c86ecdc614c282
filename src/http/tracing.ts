import { type Context, context, SpanKind, trace } from "@opentelemetry/api";
import type { FastifyRequest } from "fastify";
import { contextOf, failSpan, tracer } from "../tracing.ts";
import type { App } from "./app.ts";

/** Gives each request a span, of the caller's trace if it names one, in which all that the request does is. */
export function traceRequests(app: App): void {
  const spans = new WeakMap<FastifyRequest, Context>();
  app.addHook("onRequest", (request, _reply, done) => {
    const { method, headers, routeOptions, id } = request;
    const route = routeOptions.url ?? "";
    const attributes = { "http.request.method": method, "http.route": route, "prebuildd.request.id": id };
    const given = headers["traceparent"];
    const parent = contextOf(typeof given === "string" ? given : null);
    const span = tracer.startSpan(`${method} ${route}`.trim(), { kind: SpanKind.SERVER, attributes }, parent);
    const within = trace.setSpan(parent, span);
    spans.set(request, within);
    context.with(within, done);
  });
  app.addHook("onResponse", (request, reply, done) => {
    const within = spans.get(request);
    const span = within && trace.getSpan(within);
    span?.setAttribute("http.response.status_code", reply.statusCode);
    if (span && reply.statusCode >= 500) failSpan(span);
    span?.end();
    done();
  });
}
