import swagger from "@fastify/swagger";
import type { RouteOptions } from "fastify";
import { jsonSchemaTransform } from "fastify-type-provider-zod";
import packageJson from "../../package.json" with { type: "json" };
import type { App } from "./app.ts";

/** The version of this program. */
export const VERSION = packageJson.version;

/** What every route answers when it does not succeed. */
const FAILURE = {
  description: "What went wrong, and with which fields",
  content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
};

/** Refuses a route without a name of its own in the description, by which generated clients call it. */
function demandName(route: RouteOptions): void {
  const schema = route.schema as { hide?: boolean; operationId?: string } | undefined;
  // A HEAD route is made by the framework from a GET route.
  if (!schema || schema.hide || schema.operationId !== undefined || route.method === "HEAD") return;
  throw new Error(`the route ${String(route.method)} ${route.url} has no name: give its schema an operationId`);
}

/** Describes all routes that are added below `app` after this call, and serves the description. */
export async function registerOpenApi(app: App): Promise<void> {
  app.addHook("onRoute", demandName);
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: "prebuildd", version: VERSION, description: packageJson.description },
      components: {
        securitySchemes: {
          bearer: { type: "http", scheme: "bearer" },
          session: { type: "apiKey", in: "header", name: "Coder-Session-Token" },
        },
        schemas: {
          Error: {
            type: "object",
            required: ["message"],
            properties: {
              message: { type: "string" },
              detail: { type: "string" },
              validations: {
                type: "array",
                items: {
                  type: "object",
                  required: ["field", "detail"],
                  properties: { field: { type: "string" }, detail: { type: "string" } },
                },
              },
            },
          },
        },
      },
      security: [{ bearer: [] }, { session: [] }],
    },
    transform: (input) => {
      const { schema, url } = jsonSchemaTransform(input);
      // Without a token only what says so can be called.
      const security = input.route.config?.access === "public" ? { security: [] } : {};
      return { schema: { ...schema, ...security }, url };
    },
    transformObject: (input) => {
      const document = "openapiObject" in input ? input.openapiObject : {};
      for (const operations of Object.values(document.paths ?? {})) {
        for (const operation of Object.values(operations ?? {})) {
          if (typeof operation === "object" && "responses" in operation) operation.responses["default"] = FAILURE;
        }
      }
      return document;
    },
  });
  app.get("/openapi.json", { config: { access: "public" }, schema: { hide: true } }, async () => app.swagger());
}
