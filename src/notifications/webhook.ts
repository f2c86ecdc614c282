import { createHmac } from "node:crypto";
import { lookup } from "node:dns";
import { type IncomingHttpHeaders, type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { LookupFunction } from "node:net";
import { isIP } from "node:net";
import packageJson from "../../package.json" with { type: "json" };
import type { WebhookSettings } from "../config.ts";
import { messageOf } from "../errors.ts";
import { isPublicAddress } from "./public-address.ts";
import { redirected } from "./redirect.ts";

/** Posts a document; the error of one that has not arrived is a sentence without the secret and without the whole URL. */
export type PostWebhook = (
  document: { readonly id: string; readonly body: string; readonly now: Date },
  signal: AbortSignal,
) => Promise<void>;

const MAX_REDIRECTS = 3;
/** The redirects that repeat a request as it was; others would make another one of it. */
const REPEATING: readonly number[] = [307, 308];
/** Of an answer no more is waited for, and not for longer. */
const ANSWER = { bytes: 4_096, ms: 500 } as const;

/** Signs a body as it is sent at a time, in seconds since 1970. */
export function signatureOf(secret: string, timestamp: number, body: string): string {
  return `v1=${createHmac("sha256", secret).update(`${timestamp}.${body}`).digest("hex")}`;
}

/** Makes what posts to the webhook that is set up. */
export function createWebhook({ url: configured, secret, allowPrivate }: WebhookSettings): PostWebhook {
  const first = new URL(configured);
  return async ({ id, body, now }, signal) => {
    const timestamp = Math.floor(now.getTime() / 1_000);
    const headers = {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
      "user-agent": `prebuildd/${packageJson.version}`,
      "prebuildd-id": id,
      "prebuildd-timestamp": timestamp,
      "prebuildd-signature": signatureOf(secret, timestamp, body),
    };
    let url = first;
    for (let redirects = 0; ; redirects += 1) {
      // What the operator has set up may be private and may have a password; what it redirects to is another's word.
      const isOwn = url.origin === first.origin;
      const answer = await post(url, {
        body,
        signal,
        headers: { ...headers, ...(isOwn ? authorizationOf(first) : {}) },
        isPublicOnly: !isOwn && !allowPrivate,
      }).catch((error: unknown) => {
        throw new Error(
          `the webhook at ${url.origin} cannot be reached: ${messageOf(signal.aborted ? signal.reason : error)}`,
        );
      });
      if (answer.status >= 200 && answer.status < 300) return;
      if (!REPEATING.includes(answer.status)) throw new Error(`the webhook at ${url.origin} answered ${answer.status}`);
      if (redirects === MAX_REDIRECTS) throw new Error(`the webhook redirects more than ${MAX_REDIRECTS} times`);
      url = redirected(url, answer.headers.location);
    }
  };
}

function authorizationOf({ username, password }: URL): Readonly<Record<string, string>> {
  if (username === "" && password === "") return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
}

type Answer = { readonly status: number; readonly headers: IncomingHttpHeaders };
type Post = {
  readonly body: string;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly signal: AbortSignal;
  readonly isPublicOnly: boolean;
};

async function post({ protocol, hostname, port, pathname, search }: URL, given: Post): Promise<Answer> {
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  // The look-up is not asked about what is an address already.
  if (given.isPublicOnly && isIP(host) !== 0 && !isPublicAddress(host)) throw notPublic(host);
  const send = protocol === "https:" ? requestHttps : requestHttp;
  const request = send({
    method: "POST",
    protocol,
    host,
    port,
    path: `${pathname}${search}`,
    headers: given.headers,
    signal: given.signal,
    agent: false,
    ...(given.isPublicOnly ? { lookup: lookupPublic } : {}),
  });
  request.on("error", reject);
  request.on("response", (response) => {
    resolve({ status: response.statusCode ?? 0, headers: response.headers });
    discard(response);
  });
  request.end(given.body);
  return promise;
}

/** The status says it all; a short body is let through, so that the other side need not see a break. */
function discard(response: IncomingMessage): void {
  let bytes = 0;
  const timer = setTimeout(() => response.destroy(), ANSWER.ms);
  response.on("close", () => clearTimeout(timer));
  response.on("error", () => {});
  response.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > ANSWER.bytes) response.destroy();
  });
}

/** Finds the addresses of a name, which must all be public: the connection is made to one of these and to no other. */
const lookupPublic: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    const refused = addresses?.find(({ address }) => !isPublicAddress(address));
    const [first] = addresses ?? [];
    if (error) callback(error, "");
    else if (refused) callback(notPublic(refused.address), "");
    else if (options.all) callback(null, addresses);
    else callback(null, first?.address ?? "", first?.family);
  });
};

const notPublic = (address: string) =>
  new Error(
    `it was redirected to ${address}, which is not public; if that is meant, set PREBUILDD_WEBHOOK_ALLOW_PRIVATE=true`,
  );
