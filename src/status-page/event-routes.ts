import type { FastifyRequest } from "fastify";
import { z } from "zod";
import type { Context } from "../context.ts";
import { ProblemError } from "../errors.ts";
import type { App } from "../http/app.ts";
import { subjectOf } from "../http/authorize.ts";
import { eventText, KEEP_ALIVE, sendEvents } from "../http/event-stream.ts";
import { templateResource } from "../templates/resource.ts";
import type { Feed, Reading } from "./feed.ts";
import type { Html } from "./html.ts";
import { type Parts, partsOf, type View } from "./page.ts";
import { viewOf } from "./view.ts";

/** How late a right that was lost changes what is shown, or ends it. */
const AUTHORIZE_MS = 15_000;

/** What a viewer has been sent, so that only what is new is sent. */
type Sent = {
  readonly rows: ReadonlyMap<string, Html>;
  readonly parts: Readonly<Record<string, string>>;
};

/** Adds what the page's script listens to. */
export function registerEventRoutes(app: App, context: Context, feed: Feed): void {
  // Whoever looks on must not hold up the end of the daemon; another replica can go on with it.
  const closing = new AbortController();
  app.addHook("preClose", async () => closing.abort());
  const now = () => context.clock.now().getTime();

  async function* follow(request: FastifyRequest, since: string | undefined, signal: AbortSignal) {
    await using watch = feed.watch(signal);
    let authorizedAt = now();
    let seen: Reading | undefined;
    let sent: Sent | undefined;
    while (!signal.aborted) {
      if (now() - authorizedAt >= AUTHORIZE_MS) {
        if (!(await isStillGood(request))) {
          yield eventText({ name: "end", data: {} });
          return;
        }
        authorizedAt = now();
      }
      const reading = await watch.after(seen, AUTHORIZE_MS);
      if (!reading) {
        if (!signal.aborted) yield KEEP_ALIVE;
        continue;
      }
      seen = reading;
      const view = viewOf(reading, subjectOf(request), context.poolSettings);
      sent ??= sentBefore(reading, view, feed.id, since);
      const { event, now: sentNow } = newsOf(view, sent);
      sent = sentNow;
      yield eventText({ id: `${feed.id}.${reading.number}`, data: event });
    }
  }

  app.get(
    "/events",
    {
      config: { access: { list: templateResource }, session: true },
      schema: {
        querystring: z.object({ since: z.string().max(100).optional() }),
        headers: z.object({ "last-event-id": z.string().max(100).optional() }),
      },
    },
    (request, reply) => {
      const since = request.headers["last-event-id"] ?? request.query.since;
      return sendEvents(reply, closing.signal, (signal) => follow(request, since, signal));
    },
  );
}

/** What somebody has who was sent everything of an earlier reading of this process; nothing if it was another one's. */
function sentBefore({ pools }: Reading, view: View, feedId: string, since: string | undefined): Sent {
  const [id, number] = since?.split(".") ?? [];
  const last = id === feedId ? Number(number) : -1;
  const old = new Set(pools.filter(({ changedIn }) => changedIn <= last).map(({ pool }) => pool.preset_id));
  const rows = view.pools.flatMap(({ pool, row }) => (old.has(pool.preset_id) ? [[pool.preset_id, row] as const] : []));
  return { rows: new Map(rows), parts: {} };
}

/** What is new for a viewer: rows that have changed, the ids of all where others are there now, parts that have changed. */
function newsOf(view: View, sent: Sent) {
  const rows = new Map(view.pools.map(({ pool, row }) => [pool.preset_id, row]));
  const changed = [...rows].filter(([id, row]) => sent.rows.get(id) !== row);
  const areOthers =
    Object.keys(sent.parts).length === 0 || rows.size !== sent.rows.size || changed.some(([id]) => !sent.rows.has(id));
  const parts = textsOf(partsOf(view));
  return {
    now: { rows, parts } satisfies Sent,
    event: {
      at: view.at.toISOString(),
      rows: changed.map(([id, row]) => [id, row.toString()]),
      ...(areOthers ? { all: [...rows.keys()] } : {}),
      parts: Object.fromEntries(Object.entries(parts).filter(([name, text]) => sent.parts[name] !== text)),
    },
  };
}

const textsOf = (parts: Parts): Record<string, string> =>
  Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part.toString()]));

async function isStillGood(request: FastifyRequest): Promise<boolean> {
  try {
    await request.authorize();
    return true;
  } catch (error) {
    if (error instanceof ProblemError) return false;
    throw error;
  }
}
