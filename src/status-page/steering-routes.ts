import type { FastifyReply, FastifyRequest } from "fastify";
import type { Context } from "../context.ts";
import type { App } from "../http/app.ts";
import { demandAudit } from "../http/audit.ts";
import { idParams } from "../http/paging.ts";
import { presetInPath, STEERING, steer, steerAll } from "../prebuilds/steer.ts";
import type { Feed } from "./feed.ts";
import { titleOf } from "./pool-state.ts";
import { isScript } from "./session.ts";

/** What can be done with pools on the page. */
export const STEERED = [...STEERING, "pause-all", "resume-all"] as const;
type Steered = (typeof STEERED)[number];

const DONE: Readonly<Record<Steered, string>> = {
  pause: "is paused: nothing is created or deleted, and claims go on",
  resume: "is no longer paused",
  reset: "is reset: its failures are forgotten, and prebuilds are created again",
  "pause-all": "All pools are paused: nothing is created or deleted, and claims go on.",
  "resume-all": "All pools go on.",
};

/** What was done, in a sentence. */
export function messageOf(did: Steered, pool: Parameters<typeof titleOf>[0] | undefined): string {
  if (did === "pause-all" || did === "resume-all") return DONE[did];
  return `${pool ? titleOf(pool) : "The pool"} ${DONE[did]}.`;
}

/** Adds what the buttons do: the same as the API, with its rights and its audit entries. */
export function registerSteeringRoutes(app: App, context: Context, feed: Feed): void {
  app.addHook("onSend", async (request, reply) => {
    if (request.url.startsWith("/pools/")) demandAudit(request, reply.statusCode);
  });

  /** A form gets the page again; the script only asks for what to say. */
  function done(
    request: FastifyRequest,
    reply: FastifyReply,
    did: Steered,
    pool?: Parameters<typeof titleOf>[0] & { id: string },
  ) {
    feed.changed();
    if (isScript(request)) return reply.type("text/plain; charset=utf-8").send(messageOf(did, pool));
    const query = new URLSearchParams({ did, ...(pool ? { pool: pool.id } : {}) });
    return reply.redirect(`/?${query}`, 303);
  }

  for (const verb of STEERING) {
    app.post(
      `/pools/:id/${verb}`,
      {
        config: { access: { action: "update", of: presetInPath(context) }, session: true },
        schema: { params: idParams },
      },
      async (request, reply) => {
        const { id, name, templateName, organizationName } = await steer(context, request, verb);
        const names = { organization_name: organizationName, template_name: templateName, preset_name: name };
        return done(request, reply, verb, { id, ...names });
      },
    );
  }

  for (const [verb, paused] of [
    ["pause", true],
    ["resume", false],
  ] as const) {
    app.post(
      `/pools/${verb}`,
      { config: { access: { action: "update", of: () => ({ type: "deployment_config" }) }, session: true } },
      async (request, reply) => {
        await steerAll(context, request, { reconciliation_paused: paused });
        return done(request, reply, `${verb}-all`);
      },
    );
  }
}
