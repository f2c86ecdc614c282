import type { Random } from "../../src/prebuilds/world-events.fixture.ts";

/** What came of a request: an answer, or none that could be read. */
export type Answer = { readonly status: number; readonly body: unknown } | "no answer";

/** Somebody who sends requests to whichever replica answers. */
export type Client = {
  /** Sends one request to a replica at random, once. */
  send(request: ClientRequest): Promise<Answer>;
  readonly sent: () => number;
};

export type ClientRequest = {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly token: string;
  readonly json?: unknown;
  /** The request may be repeated with this key, and is answered the same. */
  readonly key?: string;
};

const PATIENCE_MS = 4_000;

/** A client of all replicas. */
export function createClient(urls: readonly string[], random: Random): Client {
  let sent = 0;
  return {
    sent: () => sent,
    async send({ method, path, token, json, key }) {
      sent += 1;
      const url = urls[Math.floor(random() * urls.length)];
      try {
        const response = await fetch(`${url}/api/v2${path}`, {
          method,
          headers: {
            authorization: `Bearer ${token}`,
            ...(json === undefined ? {} : { "content-type": "application/json" }),
            ...(key === undefined ? {} : { "idempotency-key": key }),
          },
          ...(json === undefined ? {} : { body: JSON.stringify(json) }),
          signal: AbortSignal.timeout(PATIENCE_MS),
        });
        return { status: response.status, body: await response.json() };
      } catch {
        return "no answer"; // refused, cut off, or too slow: whether it has happened is not known
      }
    },
  };
}
