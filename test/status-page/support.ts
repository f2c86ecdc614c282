import type { LightMyRequestResponse } from "fastify";
import type { TestServer, TestUser } from "../http/server.ts";

/** Headers of what a browser sends from the page itself. */
export const SAME_ORIGIN = { host: "localhost", "sec-fetch-site": "same-origin" };

/** Asks for a page with a user's session, as a browser would. */
export function visit(server: TestServer, path: string, as?: TestUser): Promise<LightMyRequestResponse> {
  return server.send("GET", path, { headers: as ? { cookie: `prebuildd_session=${as.token}` } : {} });
}

/** Sends a form of the page; `headers` in place of those of the page itself. */
export function submit(
  server: TestServer,
  path: string,
  {
    as,
    form = {},
    headers = SAME_ORIGIN,
  }: { as?: TestUser; form?: Record<string, string>; headers?: Record<string, string> } = {},
): Promise<LightMyRequestResponse> {
  return server.send("POST", path, {
    payload: new URLSearchParams(form).toString(),
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      ...(as ? { cookie: `prebuildd_session=${as.token}` } : {}),
      ...headers,
    },
  });
}
