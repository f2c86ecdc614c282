import { z } from "zod";
import type { Context } from "../context.ts";
import type { App } from "../http/app.ts";
import { subjectOf, visibleToCaller } from "../http/authorize.ts";
import { pageQuery } from "../http/paging.ts";
import { auditResource } from "./resource.ts";
import { auditFilterOf, auditQuery } from "./search.ts";
import { listAuditEntries } from "./store.ts";
import { auditEntrySchema, auditEntryView } from "./view.ts";

/** Adds the route that shows who did what. */
export function registerAuditRoutes(app: App, context: Context): void {
  app.get(
    "/audit",
    {
      config: { access: { list: auditResource } },
      schema: {
        operationId: "listAuditEntries",
        summary: "Who changed what, the newest first: in all organizations, or in those whose log the caller may read",
        tags: ["audit"],
        querystring: z.object({
          ...pageQuery,
          ...auditQuery,
          q: z
            .string()
            .max(1_024)
            .optional()
            .describe("for example `username:alice resource_type:template date_from:2025-06-02 devbox`"),
        }),
        response: { 200: z.object({ audit_logs: z.array(auditEntrySchema), count: z.number() }) },
      },
    },
    async (request) => {
      const { limit, offset, ...query } = request.query;
      const filter = auditFilterOf(query, subjectOf(request).username);
      const visible = visibleToCaller(request, auditResource);
      const page = await listAuditEntries(context.pool, visible, filter, { limit, offset });
      return { audit_logs: page.entries.map(auditEntryView), count: page.count };
    },
  );
}
