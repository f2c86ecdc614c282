import { z } from "zod";
import { BUDGET_POLICIES, type BudgetPolicy } from "./budgets/effective.ts";
import { parseDuration } from "./duration.ts";
import { UsageError } from "./errors.ts";

export type ListenAddress = { readonly host: string; readonly port: number };

/** Node's timers take no more than a little over 24 days. */
const LONGEST = "20d";

const duration = (options: { min: string }) =>
  z.string().transform((text, context) => {
    const ms = parseDuration(text);
    const [min = 0, max = 0] = [parseDuration(options.min), parseDuration(LONGEST)];
    if (ms !== undefined && ms >= min && ms <= max) return ms;
    const message = `a duration such as 90s, 5m or 1h30m, from ${options.min} to ${LONGEST}`;
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  });

const count = (options: { max: number }) =>
  z.string().transform((text, context) => {
    if (/^\d{1,9}$/.test(text) && Number(text) <= options.max) return Number(text);
    context.addIssue({ code: "custom", message: `a whole number from 0 to ${options.max}` });
    return z.NEVER;
  });

const listen = z.string().transform((text, context): ListenAddress => {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match && port <= 65_535) return { host: match[1] ?? (match[2] || "0.0.0.0"), port };
  context.addIssue({ code: "custom", message: "an address such as 127.0.0.1:7070 or :7070" });
  return z.NEVER;
});

const databaseUrl = z
  .string()
  .regex(/^postgres(ql)?:\/\//, "a URL such as postgresql://user:password@host:5432/database");

const truth = z
  .enum(["true", "false"], { error: "true or false" })
  .default("false")
  .transform((text) => text === "true");

const webhookUrl = z.url({ protocol: /^https?$/, error: "an http or https URL" });
const smtpUrl = z.url({ protocol: /^smtps?$/, error: "a URL such as smtps://user:password@smtp.example.com" });

/** Names of environment variables; what is ours must never reach a template. */
const variables = z.string().transform((text, context): readonly string[] => {
  const names = text.split(",").flatMap((name) => name.trim() || []);
  if (names.every((name) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !/^(PREBUILDD_|DATABASE_)/.test(name)))
    return names;
  const message = "names of environment variables, separated by commas, such as AWS_REGION,AWS_PROFILE; none of ours";
  context.addIssue({ code: "custom", message });
  return z.NEVER;
});

/** What must not be shown, for it holds a password. */
const SECRET = /^DATABASE_|_SECRET$|^PREBUILDD_(WEBHOOK|SMTP)_URL$/;

/** What only makes sense together. */
const TOGETHER = [
  ["PREBUILDD_WEBHOOK_URL", "PREBUILDD_WEBHOOK_SECRET"],
  ["PREBUILDD_SMTP_URL", "PREBUILDD_SMTP_FROM"],
] as const;

/** Every setting: its environment variable and what it must look like. Defaults stand beside the keys. */
const settings = z.object({
  DATABASE_URL: databaseUrl.optional(),
  DATABASE_DIRECT_URL: databaseUrl.optional(),
  PREBUILDD_LISTEN: listen.prefault("127.0.0.1:7070"),
  PREBUILDD_METRICS_LISTEN: listen.optional(),
  PREBUILDD_LOG_LEVEL: z
    .enum(["trace", "debug", "info", "warn", "error", "silent"], { error: "trace, debug, info, warn, error or silent" })
    .default("info"),
  PREBUILDD_DATA_DIR: z.string().default(".prebuildd"),
  PREBUILDD_PROVISIONERS: count({ max: 1_000 }).prefault("3"),
  PREBUILDD_WORKERS_ONLY: truth,
  PREBUILDD_RECONCILIATION_INTERVAL: duration({ min: "100ms" }).prefault("1m"),
  PREBUILDD_RECONCILIATION_BACKOFF_INTERVAL: duration({ min: "0" }).prefault("1m"),
  PREBUILDD_RECONCILIATION_BACKOFF_LOOKBACK: duration({ min: "1s" }).prefault("1h"),
  PREBUILDD_FAILURE_HARD_LIMIT: count({ max: 1_000 }).prefault("3"),
  PREBUILDD_FAILED_RETENTION: duration({ min: "0" }).prefault("1h"),
  PREBUILDD_MAX_IN_FLIGHT: count({ max: 1_000_000 }).prefault("0"),
  PREBUILDD_DISABLE_WORKSPACE_SHARING: truth,
  PREBUILDD_AI_BUDGET_POLICY: z.enum(BUDGET_POLICIES, { error: BUDGET_POLICIES.join(" or ") }).default("highest"),
  PREBUILDD_METRICS_INTERVAL: duration({ min: "100ms" }).prefault("60s"),
  PREBUILDD_SHUTDOWN_TIMEOUT: duration({ min: "1s" }).prefault("25s"),
  PREBUILDD_TERRAFORM_PATH: z.string().optional(),
  PREBUILDD_TERRAFORM_ENV: variables.prefault(""),
  // Of OpenTelemetry's variables only those that decide whether there are traces; the SDK reads the others itself.
  OTEL_EXPORTER_OTLP_ENDPOINT: z.string().optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: z.string().optional(),
  OTEL_SDK_DISABLED: z.string().optional(),
  OTEL_TRACES_SAMPLER: z.string().optional(),
  OTEL_TRACES_SAMPLER_ARG: z.string().optional(),
  PREBUILDD_NOTIFICATION_WINDOW: duration({ min: "0" }).prefault("1m"),
  PREBUILDD_WEBHOOK_URL: webhookUrl.optional(),
  PREBUILDD_WEBHOOK_SECRET: z.string().min(16, { error: "a secret of at least 16 characters" }).optional(),
  PREBUILDD_WEBHOOK_ALLOW_PRIVATE: truth,
  PREBUILDD_SMTP_URL: smtpUrl.optional(),
  PREBUILDD_SMTP_FROM: z
    .string()
    .regex(/^[^\r\n]*[^\s@]+@[^\s@]+$/, "an address such as prebuildd@example.com")
    .optional(),
});

/** The daemon's settings, checked; durations are milliseconds. */
export type Config = {
  readonly databaseUrl: string | undefined;
  readonly databaseDirectUrl: string | undefined;
  readonly listen: ListenAddress;
  readonly metricsListen: ListenAddress | undefined;
  readonly logLevel: "trace" | "debug" | "info" | "warn" | "error" | "silent";
  readonly dataDir: string;
  readonly provisioners: number;
  /** This replica runs builds and never leads nor serves the API. */
  readonly workersOnly: boolean;
  readonly reconciliationIntervalMs: number;
  readonly backoffIntervalMs: number;
  readonly backoffLookbackMs: number;
  /** 0 means that no number of failures stops the creations of a pool. */
  readonly failureHardLimit: number;
  readonly failedRetentionMs: number;
  /** 0 means that any number of prebuilds may be started at once. */
  readonly maxInFlight: number;
  /** Nobody may share workspaces, whatever organizations say. */
  readonly workspaceSharingDisabled: boolean;
  /** How one AI budget is chosen among those of several groups. */
  readonly aiBudgetPolicy: BudgetPolicy;
  readonly metricsIntervalMs: number;
  readonly shutdownTimeoutMs: number;
  /** Where terraform or tofu is; undefined: on the PATH. */
  readonly terraformPath: string | undefined;
  /** The environment variables that terraform inherits beside the few that all templates do. */
  readonly terraformEnv: readonly string[];
  readonly notificationWindowMs: number;
  /** Undefined when nobody is told this way. */
  readonly webhook: WebhookSettings | undefined;
  readonly smtp: SmtpSettings | undefined;
  /** Undefined when no traces are sent. */
  readonly tracing: TracingSettings | undefined;
};

/** Which traces are sent; where to and as whom is what the SDK reads from OTEL_* itself. */
export type TracingSettings = {
  /** One of the specification's names, such as `parentbased_traceidratio`; of a name unknown here all are sent. */
  readonly sampler: string;
  /** The part of all traces that is sent, 0 to 1, where the sampler goes by that. */
  readonly ratio: number;
};

/** Where notifications are posted to. */
export type WebhookSettings = {
  readonly url: string;
  /** Signs what is posted. */
  readonly secret: string;
  /** It may redirect to addresses that are not public. */
  readonly allowPrivate: boolean;
};

/** How mail is sent. */
export type SmtpSettings = { readonly url: string; readonly from: string };

/**
 * Reads the settings from the environment; an empty value counts as not set.
 * @throws UsageError that names every bad key with its value and what is allowed.
 */
export function readConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ""));
  const parsed = settings.safeParse(given);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => {
      const key = String(issue.path[0]);
      const shown = SECRET.test(key) ? "" : ` is ${JSON.stringify(given[key])}, but`;
      return `${key}${shown} must be ${issue.message}`;
    });
    throw new UsageError(problems.join("\n"));
  }
  const s = parsed.data;
  for (const pair of TOGETHER) {
    const missing = pair.find((key) => s[key] === undefined);
    const present = pair.find((key) => s[key] !== undefined);
    if (missing && present) throw new UsageError(`${missing} must be set, because ${present} is`);
  }
  refuseIdleWorkers(s);
  return Object.freeze({
    databaseUrl: s.DATABASE_URL,
    databaseDirectUrl: s.DATABASE_DIRECT_URL ?? s.DATABASE_URL,
    listen: s.PREBUILDD_LISTEN,
    metricsListen: s.PREBUILDD_METRICS_LISTEN,
    logLevel: s.PREBUILDD_LOG_LEVEL,
    dataDir: s.PREBUILDD_DATA_DIR,
    provisioners: s.PREBUILDD_PROVISIONERS,
    workersOnly: s.PREBUILDD_WORKERS_ONLY,
    reconciliationIntervalMs: s.PREBUILDD_RECONCILIATION_INTERVAL,
    backoffIntervalMs: s.PREBUILDD_RECONCILIATION_BACKOFF_INTERVAL,
    backoffLookbackMs: s.PREBUILDD_RECONCILIATION_BACKOFF_LOOKBACK,
    failureHardLimit: s.PREBUILDD_FAILURE_HARD_LIMIT,
    failedRetentionMs: s.PREBUILDD_FAILED_RETENTION,
    maxInFlight: s.PREBUILDD_MAX_IN_FLIGHT,
    workspaceSharingDisabled: s.PREBUILDD_DISABLE_WORKSPACE_SHARING,
    aiBudgetPolicy: s.PREBUILDD_AI_BUDGET_POLICY,
    metricsIntervalMs: s.PREBUILDD_METRICS_INTERVAL,
    shutdownTimeoutMs: s.PREBUILDD_SHUTDOWN_TIMEOUT,
    terraformPath: s.PREBUILDD_TERRAFORM_PATH,
    terraformEnv: s.PREBUILDD_TERRAFORM_ENV,
    notificationWindowMs: s.PREBUILDD_NOTIFICATION_WINDOW,
    webhook:
      s.PREBUILDD_WEBHOOK_URL === undefined || s.PREBUILDD_WEBHOOK_SECRET === undefined
        ? undefined
        : {
            url: s.PREBUILDD_WEBHOOK_URL,
            secret: s.PREBUILDD_WEBHOOK_SECRET,
            allowPrivate: s.PREBUILDD_WEBHOOK_ALLOW_PRIVATE,
          },
    smtp:
      s.PREBUILDD_SMTP_URL === undefined || s.PREBUILDD_SMTP_FROM === undefined
        ? undefined
        : { url: s.PREBUILDD_SMTP_URL, from: s.PREBUILDD_SMTP_FROM },
    tracing: tracingOf(s),
  });
}

/** @throws UsageError that says what a replica that runs builds only lacks, in a line for each. */
function refuseIdleWorkers(s: z.output<typeof settings>): void {
  if (!s.PREBUILDD_WORKERS_ONLY) return;
  const problems = [];
  if (s.DATABASE_URL === undefined) {
    problems.push("DATABASE_URL must be set, because PREBUILDD_WORKERS_ONLY is: others lead, on the same database");
  }
  if (s.PREBUILDD_PROVISIONERS === 0) {
    problems.push("PREBUILDD_PROVISIONERS must be above 0, because PREBUILDD_WORKERS_ONLY leaves only builds to do");
  }
  if (problems.length > 0) throw new UsageError(problems.join("\n"));
}

/** A value that OpenTelemetry does not know is no reason not to start: others share these variables. */
function tracingOf(s: z.output<typeof settings>): TracingSettings | undefined {
  const endpoint = s.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? s.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (endpoint === undefined || s.OTEL_SDK_DISABLED?.trim().toLowerCase() === "true") return undefined;
  const ratio = Number(s.OTEL_TRACES_SAMPLER_ARG ?? 1);
  const sampler = s.OTEL_TRACES_SAMPLER?.trim().toLowerCase() ?? "parentbased_always_on";
  return { sampler, ratio: ratio >= 0 && ratio <= 1 ? ratio : 1 };
}

/** Where client commands find the daemon. */
export type ClientConfig = {
  readonly url: string | undefined;
  readonly token: string | undefined;
  readonly dataDir: string;
};

/** Reads what client commands need from the environment. */
export function readClientConfig(env: Readonly<Record<string, string | undefined>> = process.env): ClientConfig {
  return {
    url: env["PREBUILDD_URL"] || undefined,
    token: env["PREBUILDD_TOKEN"] || undefined,
    dataDir: env["PREBUILDD_DATA_DIR"] || ".prebuildd",
  };
}
