import { setTimeout as delay } from "node:timers/promises";
import { context, DiagLogLevel, diag, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { TracingSettings } from "./config.ts";
import { VERSION } from "./http/openapi.ts";
import type { Logger } from "./log.ts";

/** A collector that is away is away for a while: it is told once in this time. */
const WARN_MS = 5 * 60_000;
const LONGEST_PROBLEM = 300;

function samplerOf({ sampler, ratio }: TracingSettings): Sampler {
  const root = sampler.endsWith("always_off")
    ? new AlwaysOffSampler()
    : sampler.endsWith("traceidratio")
      ? new TraceIdRatioBasedSampler(ratio)
      : new AlwaysOnSampler();
  return sampler.startsWith("parentbased_") ? new ParentBasedSampler({ root }) : root;
}

/** What the SDK complains of, now and then and in one line. */
function tellProblems(log: Logger): void {
  let quietUntil = 0;
  const warn = (message: string): void => {
    const now = performance.now();
    if (now < quietUntil) return;
    quietUntil = now + WARN_MS;
    const problem = (/"message":"([^"]*)"/.exec(message)?.[1] ?? message).slice(0, LONGEST_PROBLEM);
    log.warn({ problem }, "traces could not be sent; look at OTEL_EXPORTER_OTLP_ENDPOINT and at the collector");
  };
  const ignore = () => {};
  const logger = { error: warn, warn, info: ignore, debug: ignore, verbose: ignore };
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
}

/**
 * Registers the OpenTelemetry SDK. Where traces go, with which headers and under which name the SDK's own parts read
 * from OTEL_*; spans are collected in memory and sent in the background, and what is too many is dropped.
 */
export function registerSdk(
  settings: TracingSettings,
  { log, flushMs }: { readonly log: Logger; readonly flushMs: number },
): AsyncDisposable {
  tellProblems(log);
  const resource = defaultResource()
    .merge(resourceFromAttributes({ "service.name": "prebuildd", "service.version": VERSION }))
    .merge(detectResources({ detectors: [envDetector] }));
  // What is still being sent, or waits for its next try, keeps the process from ending.
  const exporter = new OTLPTraceExporter({ timeoutMillis: flushMs });
  const processor = new BatchSpanProcessor({ exporter });
  const provider = new TracerProvider({ resource, sampler: samplerOf(settings), spanProcessors: [processor] });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(provider);
  return {
    async [Symbol.asyncDispose]() {
      const late = delay(flushMs, undefined, { ref: false });
      await Promise.race([provider.shutdown().catch(() => {}), late]);
      trace.disable();
      context.disable();
      diag.disable();
    },
  };
}
