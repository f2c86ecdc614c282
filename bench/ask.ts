import { type Agent, request } from "node:http";

export type Answer = { readonly status: number; readonly body: string };

/** Sends one request to a daemon. */
export function ask(given: {
  agent: Agent;
  url: string;
  token: string;
  method: string;
  path: string;
  json: unknown;
}): Promise<Answer> {
  const { agent, url, token, method, path, json } = given;
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${token}`,
      ...(json === undefined ? {} : { "content-type": "application/json" }),
    };
    const outgoing = request(url + path, { agent, method, headers }, (incoming) => {
      const parts: Buffer[] = [];
      incoming.on("data", (part: Buffer) => parts.push(part));
      incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(parts).toString() }));
      incoming.on("error", reject);
    });
    outgoing.on("error", reject);
    outgoing.end(json === undefined ? undefined : JSON.stringify(json));
  });
}
