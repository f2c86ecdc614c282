import type { FastifyRequest } from "fastify";
import { z } from "zod";
import type { Context } from "../context.ts";
import type { App } from "../http/app.ts";
import { auditDone } from "../http/audit.ts";
import { notFound, pathPart, subjectOf, targetIdOf } from "../http/authorize.ts";
import { idParams, pageQuery, TOTAL_HEADER } from "../http/paging.ts";
import type { Resource } from "../rbac/decide.ts";
import { isUuid } from "../uuid.ts";
import { findInboxMessage, listInbox, markAllRead, markRead } from "./inbox-store.ts";
import { inboxResource } from "./resource.ts";
import { inboxMessageSchema, inboxMessageView, READ_STATUSES } from "./view.ts";

const TAGS = ["notifications"];

/** Adds the routes by which users read what they have been told; each has an inbox, which is nobody else's business. */
export function registerNotificationRoutes(app: App, { pool, clock }: Context): void {
  const ownInbox = (request: FastifyRequest): Resource => inboxResource(subjectOf(request).userId);
  const oneMessage = async (request: FastifyRequest): Promise<Resource | undefined> => {
    const { userId } = subjectOf(request);
    const id = pathPart(request, "id");
    const found = isUuid(id) ? await findInboxMessage(pool, userId, id) : undefined;
    return found && inboxResource(userId, found.id);
  };

  app.get(
    "/notifications/inbox",
    {
      config: { access: { action: "read", of: ownInbox } },
      schema: {
        operationId: "listInboxNotifications",
        summary: "What the caller has been told, the newest first",
        description: "Equal events that come one soon after the other are one message.",
        tags: TAGS,
        querystring: z.object({ ...pageQuery, read_status: z.enum(READ_STATUSES).default("all") }),
        response: {
          200: z.array(inboxMessageSchema).describe(`one page; how many there are in all is in ${TOTAL_HEADER}`),
        },
      },
    },
    async (request, reply) => {
      const { read_status, ...page } = request.query;
      const { messages, total } = await listInbox(pool, subjectOf(request).userId, read_status, page);
      reply.header(TOTAL_HEADER, total);
      return messages.map(inboxMessageView);
    },
  );

  app.put(
    "/notifications/inbox/:id/read-status",
    {
      config: { access: { action: "update", of: oneMessage } },
      schema: {
        operationId: "updateInboxNotificationReadStatus",
        summary: "Says that the caller has read a message, or has not",
        tags: TAGS,
        params: idParams,
        body: z.strictObject({ is_read: z.boolean({ error: "must be true or false" }) }),
        response: { 200: inboxMessageSchema },
      },
    },
    async (request) => {
      auditDone(request); // who has read what is nobody else's business
      const readAt = request.body.is_read ? clock.now() : null;
      const message = await markRead(pool, subjectOf(request).userId, targetIdOf(request), readAt);
      if (!message) throw notFound("the message");
      return inboxMessageView(message);
    },
  );

  app.put(
    "/notifications/inbox/mark-all-as-read",
    {
      config: { access: { action: "update", of: ownInbox } },
      schema: {
        operationId: "markAllInboxNotificationsAsRead",
        summary: "Says that the caller has read all messages",
        tags: TAGS,
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      auditDone(request);
      await markAllRead(pool, subjectOf(request).userId, clock.now());
      return reply.status(204).send(null);
    },
  );
}
