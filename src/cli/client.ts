import { readFile } from "node:fs/promises";
import { type ClientConfig, readClientConfig } from "../config.ts";
import { messageOf, ProblemError, type ProblemKind, type Validation } from "../errors.ts";
import { localFiles } from "../local-access.ts";
import type { Io } from "./io.ts";

const DEFAULT_TIMEOUT_MS = 30_000;

/** How a command talks to the daemon; every failure is a ProblemError with a sentence for the person. */
export type Client = {
  get<T>(path: string, options?: { readonly signal?: AbortSignal }): Promise<T>;
  /**
   * Sends `json`, which is JSON text, or nothing. Where the daemon may answer without content, or that nothing has
   * changed, T includes undefined, which stands for that answer.
   */
  send<T>(
    method: "POST" | "PUT" | "PATCH" | "DELETE",
    path: string,
    json?: string,
    options?: { readonly timeoutMs?: number; readonly headers?: Readonly<Record<string, string>> },
  ): Promise<T>;
  /** Reads the text of an answer as it comes; ends with the answer, and fails when the connection is lost. */
  stream(
    path: string,
    options: { readonly headers: Readonly<Record<string, string>>; readonly signal: AbortSignal },
  ): AsyncIterable<string>;
};

/** Finds the daemon: by the environment, or else by the files that it keeps in its data directory. */
export async function openClient(io: Io): Promise<Client> {
  const config = readClientConfig(io.env);
  const files = localFiles(config.dataDir);
  const localUrl = await readLocal(files.url);
  const url = config.url ?? localUrl ?? noDaemon(config);
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new ProblemError("invalid", `PREBUILDD_URL is ${JSON.stringify(url)}, but must be an http or https URL`);
  }
  // The token in the data directory is for the daemon of this machine; no other server may get to see it.
  const isLocal = url === localUrl || /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(url).hostname);
  const token = config.token ?? (isLocal ? await readLocal(files.token) : undefined) ?? noToken(url, files.token);
  const urlOf = (path: string) => `${url.replace(/\/+$/, "")}/api/v2${path}`;
  const call = <T>(
    given: Pick<Call, "method" | "body" | "signal"> & {
      path: string;
      timeoutMs?: number | undefined;
      headers?: Call["headers"] | undefined;
    },
  ) => {
    const { path, timeoutMs = DEFAULT_TIMEOUT_MS, headers = {}, ...rest } = given;
    return request<T>({ ...rest, headers, url: urlOf(path), base: url, token, timeoutMs });
  };
  return {
    get: (path, options) => call({ method: "GET", path, body: undefined, signal: options?.signal }),
    send: (method, path, body, options) => call({ ...options, method, path, body, signal: undefined }),
    stream: (path, options) => stream({ ...options, url: urlOf(path), base: url, token }),
  };
}

type Call = {
  readonly url: string;
  readonly base: string;
  readonly token: string;
  readonly method: string;
  readonly body: string | undefined;
  readonly timeoutMs: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal | undefined;
};

/** Statuses of answers without a body: done, and nothing has changed. */
const WITHOUT_BODY: readonly number[] = [204, 304];

async function request<T>({ url, base, token, method, body, timeoutMs, headers, signal }: Call): Promise<T> {
  let status: number;
  let text: string;
  try {
    const response = await fetch(url, {
      method,
      headers: {
        ...headers,
        authorization: `Bearer ${token}`,
        accept: "application/json",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])]),
      ...(body === undefined ? {} : { body }),
    });
    status = response.status;
    text = await response.text();
  } catch (error) {
    throw unreachable(base, timeoutMs, error);
  }
  if (WITHOUT_BODY.includes(status)) return undefined as T;
  const answer = parseJson(text);
  if (status >= 200 && status < 300 && answer !== undefined) return answer as T;
  throw refusal(base, status, answer);
}

async function* stream({
  url,
  base,
  token,
  headers,
  signal,
}: Pick<Call, "url" | "base" | "token"> & {
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}): AsyncGenerator<string> {
  let status: number;
  let text: string;
  try {
    const response = await fetch(url, { headers: { ...headers, authorization: `Bearer ${token}` }, signal });
    if (response.ok) {
      yield* response.body?.pipeThrough(new TextDecoderStream()) ?? [];
      return;
    }
    status = response.status;
    text = await response.text();
  } catch (error) {
    throw unreachable(base, DEFAULT_TIMEOUT_MS, error);
  }
  throw refusal(base, status, parseJson(text));
}

function unreachable(base: string, timeoutMs: number, error: unknown): ProblemError {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (error instanceof Error && error.name === "TimeoutError") {
    return new ProblemError("unavailable", `the daemon at ${base} did not answer within ${timeoutMs / 1_000} s`, {
      cause,
    });
  }
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "ECONNREFUSED" || code === "ENOTFOUND") {
    return new ProblemError("unavailable", `no daemon answers at ${base}; ${HOW_TO_START}`, { cause });
  }
  return new ProblemError("unavailable", `cannot talk to the daemon at ${base}: ${messageOf(cause)}`, { cause });
}

const KINDS: Readonly<Record<number, ProblemKind>> = {
  400: "invalid",
  401: "unauthenticated",
  403: "forbidden",
  404: "not_found",
  409: "conflict",
};

/** The daemon's own words for why it refused. */
function refusal(base: string, status: number, answer: unknown): ProblemError {
  const said = (typeof answer === "object" && answer !== null ? answer : {}) as {
    readonly message?: unknown;
    readonly detail?: unknown;
    readonly validations?: unknown;
  };
  if (typeof said.message !== "string") {
    return new ProblemError(
      "unavailable",
      `what answers at ${base} is no prebuildd daemon (status ${status}); check PREBUILDD_URL`,
    );
  }
  const validations = Array.isArray(said.validations) ? (said.validations as Validation[]) : [];
  const kind = KINDS[status] ?? (status < 500 ? "invalid" : "unavailable");
  const hint = status === 401 ? "; check PREBUILDD_TOKEN" : "";
  return new ProblemError(kind, `${said.message}${hint}`, {
    validations,
    ...(typeof said.detail === "string" ? { detail: said.detail } : {}),
  });
}

const HOW_TO_START = "start one with `prebuildd run`, or set PREBUILDD_URL";

function noDaemon(config: ClientConfig): never {
  throw new ProblemError(
    "unavailable",
    `no daemon is running with the data directory ${config.dataDir}; ${HOW_TO_START}`,
  );
}

function noToken(url: string, file: string): never {
  throw new ProblemError(
    "unauthenticated",
    `there is no token for ${url}: PREBUILDD_TOKEN is not set, and ${file} is for a daemon on this machine only or cannot be read`,
  );
}

async function readLocal(file: string): Promise<string | undefined> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text.trim() || undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
