import { z } from "zod";
import { organizationResource } from "../organizations/resource.ts";
import type { App } from "./app.ts";
import { VERSION } from "./openapi.ts";

/** Adds the route that says which version answers. */
export function registerBuildInfoRoutes(app: App): void {
  app.get(
    "/buildinfo",
    {
      config: { access: { list: ({ organizationId }) => organizationResource(organizationId) } },
      schema: {
        operationId: "getBuildInfo",
        summary: "Which version answers",
        tags: ["general"],
        response: { 200: z.object({ version: z.string() }) },
      },
    },
    async () => ({ version: VERSION }),
  );
}
