import assert from "node:assert/strict";
import type { TestServer } from "./server.ts";

/** A JSON schema of the API's description, as far as it is looked at here. */
export type Schema = {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly format?: string;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly additionalProperties?: boolean | Schema;
};

type Method = Parameters<TestServer["send"]>[0];
type Parameter = { readonly in: "path" | "query" | "header"; readonly name: string; readonly schema: Schema };
type Operation = {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
};

/** One route of the API, as its description has it. */
export type ApiRoute = {
  readonly name: string;
  readonly method: Method;
  /** With its parts in braces, such as `/api/v2/users/{user}`. */
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly body: Schema | undefined;
};

/** Every route of the API, from its own description. */
export async function everyRoute(server: TestServer): Promise<ApiRoute[]> {
  const { paths } = (await server.send("GET", "/api/v2/openapi.json")).json() as {
    paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  };
  const routes = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, { operationId: name, parameters = [], requestBody }]) => ({
      name,
      method: method.toUpperCase() as Method,
      path,
      parameters,
      body: requestBody?.content["application/json"]?.schema,
    })),
  );
  assert.ok(routes.length > 60, "the description is not empty");
  return routes;
}

/** A route's path with its parts filled in by name. */
export function filled({ path }: ApiRoute, parts: Readonly<Record<string, string>>): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => parts[name] ?? assert.fail(`${path}: ${name}`));
}
