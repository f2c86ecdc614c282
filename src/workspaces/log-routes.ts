import { setTimeout as delay } from "node:timers/promises";
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { Context } from "../context.ts";
import { ProblemError } from "../errors.ts";
import type { App } from "../http/app.ts";
import { pathPart } from "../http/authorize.ts";
import { eventText, KEEP_ALIVE, sendEvents } from "../http/event-stream.ts";
import { flag, idParams } from "../http/paging.ts";
import { type LogOf, listLogLines, readLogNews } from "./log-store.ts";
import { findOwnershipByBuild } from "./ownership-store.ts";
import { workspaceResource } from "./rights.ts";
import { logLineSchema } from "./schema.ts";

/** The most log lines of one answer; who wants more asks again with the last id as `after`. */
const MAX_LINES = 10_000;
/** The lines that a follower is sent at once; as many are in memory for each. */
const FOLLOWED_LINES = 200;
/** How often is looked for new lines, for each who follows a log. */
const LOOK_MS = 300;
/** How long a connection is silent at most. */
const KEEP_ALIVE_MS = 15_000;
/** How late a right that was lost ends the following. */
const AUTHORIZE_MS = 60_000;

const lineRule = { error: "the id of a log line" };
const lineId = z.coerce.number(lineRule).int(lineRule).min(0, lineRule).max(Number.MAX_SAFE_INTEGER, lineRule);
const limitRule = { error: `a whole number from 1 to ${MAX_LINES}` };

const logQuery = z
  .object({
    after: lineId.optional().describe("only lines that come after the one with this id"),
    before: lineId
      .optional()
      .describe("only lines that come before the one with this id; without `after`, the last of them"),
    limit: z.coerce.number(limitRule).int(limitRule).min(1, limitRule).max(MAX_LINES, limitRule).optional(),
    follow: flag.describe("answer with a stream of events that goes on until the job has ended"),
  })
  .superRefine(({ follow, before, limit }, context) => {
    const refuse = (field: string) =>
      context.addIssue({ code: "custom", path: [field], message: "has no meaning for who follows the log" });
    if (follow && before !== undefined) refuse("before");
    if (follow && limit !== undefined) refuse("limit");
  });

/** What a route that reads and follows a log takes and answers, beside what says whose log it is. */
export const logSchema = {
  description:
    "With `follow=true` the answer is a stream of events: one per line, with its id, and `end` when the job has ended " +
    "and all its lines are out. Who sends `Last-Event-ID` gets the lines after that one. An event `error` says why " +
    "the stream ends although the job has not.",
  querystring: logQuery,
  headers: z.object({ "last-event-id": lineId.optional() }),
  response: {
    200: {
      description: "The lines",
      content: {
        "application/json": { schema: z.array(logLineSchema) },
        "text/event-stream": { schema: z.string() },
      },
    },
  },
};

type LogRequest = Pick<FastifyRequest, "authorize"> & {
  readonly query: z.output<typeof logSchema.querystring>;
  readonly headers: z.output<typeof logSchema.headers>;
};

/** Makes what answers requests for logs, as one document or as events. */
export function createLogAnswer(app: App, context: Context) {
  const { pool, clock } = context;

  // Whoever follows a log must not hold up the end of the daemon; another replica can go on with it.
  const closing = new AbortController();
  app.addHook("preClose", async () => closing.abort());

  /** The events of a log after a line: one for each line, and `end` when the job has ended. */
  async function* follow(request: LogRequest, log: LogOf, after: number | undefined, signal: AbortSignal) {
    let last = after ?? 0;
    const now = () => clock.now().getTime();
    let authorizedAt = now();
    let heardAt = now();
    while (!signal.aborted) {
      if (now() - authorizedAt >= AUTHORIZE_MS) {
        const problem = await lostRight(request);
        if (problem !== undefined) {
          yield eventText({ name: "error", data: { message: problem } });
          return;
        }
        authorizedAt = now();
      }
      const news = await readLogNews(pool, log, { after: last, limit: FOLLOWED_LINES });
      if (!news || signal.aborted) return;
      const isAll = news.lines.length < FOLLOWED_LINES;
      if (news.lines.length > 0) {
        yield news.lines.map((line) => eventText({ id: line.id, data: line })).join("");
        last = news.lines.at(-1)?.id ?? last;
        heardAt = now();
      }
      if (isAll && news.ended) {
        yield eventText({ name: "end", data: { job_status: news.status } });
        return;
      }
      if (now() - heardAt >= KEEP_ALIVE_MS) {
        yield KEEP_ALIVE;
        heardAt = now();
      }
      if (isAll) await delay(LOOK_MS, undefined, { signal }).catch(() => {});
    }
  }

  return (request: LogRequest, reply: FastifyReply, log: LogOf) => {
    const { after, before, limit = MAX_LINES, follow: isFollowed } = request.query;
    if (!isFollowed) return listLogLines(pool, log, { after, before, limit });
    // A client that connects again repeats its first address; where it was, only the header says.
    const last = request.headers["last-event-id"] ?? after;
    return sendEvents(reply, closing.signal, (signal) => follow(request, log, last, signal));
  };
}

/** Adds the route that reads and follows the logs of builds. */
export function registerLogRoutes(app: App, context: Context): void {
  const answer = createLogAnswer(app, context);

  app.get(
    "/workspacebuilds/:id/logs",
    {
      config: {
        access: {
          action: "read",
          of: async (request) => {
            const workspace = await findOwnershipByBuild(context.pool, pathPart(request, "id"));
            return workspace && workspaceResource(workspace);
          },
        },
      },
      schema: {
        ...logSchema,
        operationId: "listLogLines",
        summary: "The log of a build, the oldest line first",
        tags: ["builds"],
        params: idParams,
      },
    },
    async (request, reply) => answer(request, reply, { kind: "build", id: request.params.id }),
  );
}

/** Why somebody may no longer read what they are reading; undefined when they may. */
async function lostRight(request: LogRequest): Promise<string | undefined> {
  try {
    await request.authorize();
    return undefined;
  } catch (error) {
    if (error instanceof ProblemError) return error.message;
    throw error;
  }
}
