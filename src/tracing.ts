import { type Attributes, context, type Span, SpanStatusCode, TraceFlags, trace } from "@opentelemetry/api";
import type { TracingSettings } from "./config.ts";
import { ProblemError } from "./errors.ts";
import type { Logger } from "./log.ts";

/** Does nothing, and costs next to nothing, until a provider is registered. */
export const tracer = trace.getTracer("prebuildd");

const TRACE_PARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;

/** The context of what another process, or an earlier transaction, has begun; none when it says nothing of use. */
export function contextOf(traceParent: string | null | undefined) {
  const [, traceId, spanId, flags] = TRACE_PARENT.exec(traceParent ?? "") ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return context.active();
  const traceFlags = Number.parseInt(flags, 16) & TraceFlags.SAMPLED;
  return trace.setSpanContext(context.active(), { traceId, spanId, traceFlags, isRemote: true });
}

/** What ties later work to the span that is active now, in the form of W3C; null when nothing is recorded. */
export function traceParent(): string | null {
  const active = trace.getActiveSpan()?.spanContext();
  if (!active || (active.traceFlags & TraceFlags.SAMPLED) === 0) return null;
  return `00-${active.traceId}-${active.spanId}-01`;
}

/**
 * Does work in a span of its own, a child of the active one; what the work throws marks the span.
 * @param parent what `traceParent` gave where the work was asked for, perhaps in another process
 */
export function inSpan<T>(
  name: string,
  attributes: Attributes,
  work: (span: Span) => Promise<T>,
  parent?: string | null,
): Promise<T> {
  return tracer.startActiveSpan(name, { attributes }, contextOf(parent), async (span) => {
    try {
      return await work(span);
    } catch (error) {
      // The messages of other errors may quote rows and parameters.
      failSpan(span, error instanceof ProblemError ? error.message : error instanceof Error ? error.name : "Error");
      throw error;
    } finally {
      span.end();
    }
  });
}

/** Marks the span as one of work that has failed. */
export function failSpan(span: Span, message?: string): void {
  span.setStatus({ code: SpanStatusCode.ERROR, ...(message === undefined ? {} : { message }) });
}

const OFF: AsyncDisposable = { async [Symbol.asyncDispose]() {} };

/**
 * Sends traces to a collector until it is disposed, which sends what is left. The SDK is loaded only where it is on.
 * @param options.flushMs how long sending what is left may take
 */
export async function startTracing(
  settings: TracingSettings | undefined,
  options: { readonly log: Logger; readonly flushMs: number },
): Promise<AsyncDisposable> {
  if (!settings) return OFF;
  const { registerSdk } = await import("./tracing-sdk.ts");
  return registerSdk(settings, options);
}
