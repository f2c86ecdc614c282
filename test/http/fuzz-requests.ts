import type { ApiRoute } from "./api-routes.ts";
import type { ApiWorld } from "./api-world.ts";
import { nonsense, spoiled, TRAPS } from "./nonsense.ts";
import type { RawRequest } from "./raw-http.ts";
import { pick, plausible, type Random } from "./schema-values.ts";

/** The share of the parts of a request that are spoiled. */
const SPOILED = 0.25;
/** A request that is right in every way waits no longer than this many seconds for a prebuild. */
const WAITS = ["0", "1", "-1", "1.5", "601", "x", "1e999", ""] as const;

const textOf = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

/** As it is done in URLs, also with text of which half a character is missing. */
const encoded = (text: string): string => encodeURIComponent(text.toWellFormed());

/** A request for the route, right in most of its parts. */
export function fuzzRequest(random: Random, route: ApiRoute, world: ApiWorld, token: string | undefined): RawRequest {
  const method = random() < 0.02 ? pick(random, ["HEAD", "OPTIONS", "GET", "POST", "DELETE", "TRACE"]) : route.method;
  return {
    method,
    target: targetOf(random, route, world),
    headers: [
      ...(token === undefined ? [] : ([["authorization", `Bearer ${token}`]] as const)),
      ...headersOf(random, route, world),
      ...(route.method === "GET" ? [] : [["content-type", contentTypeOf(random)] as const]),
    ],
    body: route.method === "GET" && random() < 0.98 ? undefined : bodyOf(random, route, world),
  };
}

function targetOf(random: Random, route: ApiRoute, world: ApiWorld): string {
  const named = random() < 0.8 ? world.parts(route.path) : world.absent(route.path);
  const path = route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    if (name === "user" && random() < 0.3) return "me";
    return random() < SPOILED ? partOf(random, world) : encoded(named[name] ?? "");
  });
  const query = route.parameters
    .filter(({ in: place }) => place === "query")
    .flatMap(({ name, schema }) => {
      if (random() < 0.5) return [];
      const value = () => {
        if (name === "wait") return pick(random, WAITS);
        return textOf(random() < SPOILED ? nonsense(random) : plausible(random, schema, world.known));
      };
      const pairs = [`${encoded(name)}=${encoded(value()).slice(0, 4_000)}`];
      return random() < 0.05 ? [...pairs, `${encoded(name)}=${encoded(value()).slice(0, 4_000)}`] : pairs;
    });
  if (random() < 0.05)
    query.push(pick(random, ["%", "%zz=1", "a=%ff", "a=%00", "=", "&&&", "a[b]=c", "limit", "q=%ed%a0%80"]));
  return query.length === 0 ? path : `${path}?${query.join("&")}`;
}

/** A part of a path that is not what the route is about. */
function partOf(random: Random, { known }: ApiWorld): string {
  const [first = "", ...others] = known.names;
  const raw = [
    "%",
    "%zz",
    "%00",
    "%2F",
    "%2e%2e",
    "%ff",
    "%ed%a0%80",
    "a%00b",
    ";",
    "a b".replace(" ", "+"),
    "é",
    "x".repeat(310),
  ];
  return pick(random, [
    () => encoded(pick(random, TRAPS)),
    () => encoded(pick(random, [first, ...others])),
    () => pick(random, ["x", ...raw]),
  ])();
}

function headersOf(random: Random, { parameters }: ApiRoute, { known }: ApiWorld): (readonly [string, string])[] {
  const described = parameters
    .filter(({ in: place }) => place === "header")
    .flatMap(({ name, schema }) => {
      if (random() < 0.5) return [];
      const value = random() < SPOILED ? nonsense(random) : plausible(random, schema, known);
      return [[name, headerValue(textOf(value))] as const];
    });
  const odd = [
    ["user-agent", "\u00e9\u0080".repeat(300)],
    ["user-agent", "x".repeat(20_000)],
    ["x-forwarded-for", "' or 1=1 --"],
    ["x-request-id", "x".repeat(300)],
    ["last-event-id", "-1"],
    ["accept", "text/nonsense"],
    ["cookie", "a=b; ".repeat(500)],
    ["expect", "100-continue"],
    ["transfer-encoding", "gzip"],
    ["content-encoding", "gzip"],
    ["if-none-match", "*"],
    ["authorization", "Bearer x"],
  ] as const;
  return random() < 0.1 ? [...described, pick(random, odd)] : described;
}

/** Line breaks and null bytes would make it another request altogether. */
const headerValue = (text: string): string => text.replaceAll(/[\r\n\0]/g, "").slice(0, 4_000);

function contentTypeOf(random: Random): string {
  if (random() < 0.95) return "application/json";
  return pick(random, [
    "text/plain",
    "application/json; charset=utf-16",
    "multipart/form-data",
    "application/xml",
    "x",
    "/",
  ]);
}

function bodyOf(random: Random, { name, body = {} }: ApiRoute, { known, document }: ApiWorld): Buffer | undefined {
  // The description says nothing of what is in a document.
  const right = name === "apply" ? document : plausible(random, body, known);
  const kind = random();
  if (kind < 0.05) return pick(random, [undefined, Buffer.alloc(0)]);
  const text = JSON.stringify(kind < 0.55 ? right : spoiled(random, right)) ?? "";
  return kind < 0.95 ? Buffer.from(text) : brokenText(random, text);
}

/** JSON that is none, or that says something twice. */
function brokenText(random: Random, text: string): Buffer {
  const twice = /^\{("[^"]*")/.exec(text)?.[1];
  return pick(random, [
    () => Buffer.from(text.slice(0, Math.floor(random() * text.length))),
    () => Buffer.from(`${text}${text}`),
    () => Buffer.from(`\ufeff${text}`),
    () => Buffer.from(text, "utf16le"),
    () => Buffer.from(text.replace(/[a-z]/, "\0")),
    () => Buffer.concat([Buffer.from(text.slice(0, -1)), Buffer.from([0xff, 0xc0, 0x22])]),
    () => Buffer.from(twice === undefined ? '{"a":1,"a":2}' : text.replace("{", `{${twice}:null,`)),
    () => Buffer.from(`${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`),
    () => Buffer.from('{"__proto__":{"x":1},"constructor":{"prototype":{"x":1}}}'),
  ])();
}
