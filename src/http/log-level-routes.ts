import { hostname } from "node:os";
import { z } from "zod";
import { difference } from "../audit/entry.ts";
import type { Context } from "../context.ts";
import { LOG_LEVELS, type LogLevel, setLogLevel } from "../log.ts";
import type { App } from "./app.ts";
import { audit, auditDone } from "./audit.ts";
import { subjectOf } from "./authorize.ts";

const level = z.enum(LOG_LEVELS, { error: "must be trace, debug, info, warn, error or silent" });
const answerSchema = z.object({
  level,
  configured_level: level.describe("what PREBUILDD_LOG_LEVEL says"),
  replica: z.string().describe("the machine of the process that answers"),
  note: z.string(),
});

/** What the log says of how long a level holds. */
const NOTE = "holds for this replica only, until it ends or the level is set again";

/** Adds the routes that read and change how much this replica logs. */
export function registerLogLevelRoutes(app: App, context: Context): void {
  const { log, pool, clock } = context;
  const configured = log.level as LogLevel;
  const replica = hostname();
  const answer = () => ({ level: log.level as LogLevel, configured_level: configured, replica, note: NOTE });
  const tags = ["general"];

  app.get(
    "/debug/log-level",
    {
      config: { access: { action: "read", of: () => ({ type: "deployment_config" }) } },
      schema: {
        operationId: "getLogLevel",
        summary: "How much the replica that answers logs",
        tags,
        response: { 200: answerSchema },
      },
    },
    async () => answer(),
  );

  app.put(
    "/debug/log-level",
    {
      config: { access: { action: "update", of: () => ({ type: "deployment_config" }) } },
      schema: {
        operationId: "updateLogLevel",
        summary: "Sets how much the replica that answers logs, until it ends",
        tags,
        body: z.strictObject({ level }),
        response: { 200: answerSchema },
      },
    },
    async (request) => {
      const before = log.level;
      const after = request.body.level;
      const diff = difference({ level: before }, { level: after });
      if (before === after) auditDone(request);
      else {
        const what = {
          action: "write",
          type: "log_level",
          id: replica,
          target: replica,
          organizationId: null,
        } as const;
        await audit(request, pool, { ...what, diff }, clock.now());
        const { username } = subjectOf(request);
        setLogLevel(log, after, { user: username, request: request.id });
      }
      return answer();
    },
  );
}
