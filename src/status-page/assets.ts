import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { z } from "zod";
import type { App } from "../http/app.ts";
import type { Addresses } from "./document.ts";

const TYPES = {
  "theme.css": "text/css; charset=utf-8",
  "status.css": "text/css; charset=utf-8",
  "pools.css": "text/css; charset=utf-8",
  "status.js": "text/javascript; charset=utf-8",
  "status.svg": "image/svg+xml",
} as const;

/** Serves the page's files, which are without any secret; returns their addresses, which change with what is in them. */
export async function registerAssets(app: App): Promise<Addresses> {
  const serve = async (name: keyof typeof TYPES): Promise<string> => {
    const body = await readFile(new URL(name, import.meta.url));
    const version = createHash("sha256").update(body).digest("base64url").slice(0, 16);
    app.get(
      `/${name}`,
      { config: { access: "public" }, schema: { querystring: z.object({ v: z.string().optional() }) } },
      (request, reply) => {
        const etag = `"${version}"`;
        // Of another version somebody asks whose page is older or newer than this replica: it must ask again.
        const isThis = request.query.v === version;
        reply.header("cache-control", isThis ? "public, max-age=31536000, immutable" : "no-cache").header("etag", etag);
        if (request.headers["if-none-match"] === etag) return reply.status(304).send();
        return reply.type(TYPES[name]).send(body);
      },
    );
    return `/${name}?v=${version}`;
  };
  return {
    styles: [await serve("theme.css"), await serve("status.css"), await serve("pools.css")],
    script: await serve("status.js"),
    icon: await serve("status.svg"),
  };
}
