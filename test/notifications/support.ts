import { createServer, type IncomingHttpHeaders, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import type { Context, NotificationSettings } from "../../src/context.ts";
import { BEGIN, withTransaction } from "../../src/db/connection.ts";
import { createLogger } from "../../src/log.ts";
import { type DeliverySettings, startDelivery } from "../../src/notifications/deliver.ts";
import type { Notice, NotifiedPool, Replaced } from "../../src/notifications/event.ts";
import { notify } from "../../src/notifications/notify.ts";
import { readNotifiedPool } from "../../src/notifications/store.ts";
import { createTeller } from "../../src/notifications/tell.ts";
import { createUser } from "../../src/users/store.ts";
import { givenContext, givenPool } from "../support/given.ts";
import { waitFor } from "../support/wait-for.ts";

export const SECRET = "a secret of the operator";

/** A pool in a database of the test's own, and users who are told of it. */
export async function givenNotified(
  t: TestContext,
  given: Partial<NotificationSettings> & { readonly admins?: number; readonly desired?: number } = {},
) {
  const { admins: count = 1, desired = 1, ...notifications } = given;
  const context = await givenContext(t, { notifications });
  const logged: Record<string, unknown>[] = [];
  const log = createLogger("info", { write: (line) => void logged.push(JSON.parse(line)) });
  const { presetId } = await givenPool(context, { desired });
  const pool = await readNotifiedPool(context.pool, presetId);
  if (!pool) throw new Error("there is no such pool");
  const names = Array.from({ length: count }, (_, index) => `ann-${index}`);
  const admins = await Promise.all(names.map((name) => givenAdmin(context, name)));
  return { context: { ...context, log }, pool, admins, logged };
}

/** A user who administers all templates. */
export function givenAdmin({ pool }: Pick<Context, "pool">, username: string) {
  return createUser(pool, { username, email: `${username}@example.com`, siteRoles: ["template-admin"] });
}

/** The claim number `number` of a pool, which replaced these. */
export function claimOf(number: number, replacements: Replaced["replacements"] = { "docker_image.main": ["name"] }) {
  const id = `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
  const at = new Date(Date.UTC(2025, 5, 2, 9, 0, number % 60)).toISOString();
  const who = { claimantId: id, claimant: `user-${number}` };
  return { at, workspaceId: id, workspace: `dev-${number}`, buildNumber: 2, ...who, replacements };
}

/** Says that a claim of the pool has replaced something. */
export function replacedBy(pool: NotifiedPool, claim: Replaced): Notice {
  return { event: "resource_replaced", pool, claim };
}

export const never = new AbortController().signal;

/** Has people told of something, in a transaction of its own. */
export function happen(context: Context, notice: Notice): Promise<void> {
  return withTransaction(context.pool, BEGIN.readWrite, (client) => notify(context, client, notice));
}

/** Has people told of something, and tells them: what is for them is in the database, and in the inboxes. */
export async function tell(context: Context, notice: Notice): Promise<void> {
  await happen(context, notice);
  await tellAll(context);
}

/** Tells people of all that waits to be told. */
export async function tellAll(context: Context): Promise<void> {
  await createTeller(context)(never);
}

export type StoredMessage = {
  readonly id: string;
  readonly digestId: string;
  readonly channel: string;
  readonly username: string | null;
  readonly occurrences: number;
  readonly status: string;
  readonly error: string;
  readonly data: { readonly claims?: Replaced[]; readonly misses?: number; readonly reason?: string };
};

/** All messages as they are stored, the oldest first. */
export async function messages({ pool }: Pick<Context, "pool">): Promise<StoredMessage[]> {
  const { rows } = await pool.query<StoredMessage>(
    `select m.id, m.digest_id as "digestId", m.channel, u.username, d.occurrences, m.status, m.error, d.data
     from notification_messages m join notification_digests d on d.id = m.digest_id left join users u on u.id = m.user_id
     order by m.created_at, m.channel, u.username`,
  );
  return rows;
}

/** Waits until each message has been delivered or given up. */
export function settled(context: Pick<Context, "pool">): Promise<StoredMessage[]> {
  return waitFor("the messages to be delivered or given up", async () => {
    const all = await messages(context);
    return all.length > 0 && all.every(({ status }) => status === "sent" || status === "failed") ? all : undefined;
  });
}

/** Delivers until the test ends. */
export function givenDelivery(t: TestContext, context: Context, settings: Partial<DeliverySettings> = {}) {
  const delivery = startDelivery(context, { webhook: undefined, smtp: undefined, ...settings });
  t.after(() => delivery[Symbol.asyncDispose]());
  return delivery;
}

/** What somebody posted. */
export type Posted = { readonly path: string; readonly headers: IncomingHttpHeaders; readonly body: string };

/** A server on this machine that keeps what it is sent and answers as told, 204 unless told. */
export async function givenReceiver(
  t: TestContext,
  answer: RequestListener = (_, response) => response.writeHead(204).end(),
) {
  const posted: Posted[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (chunk: string) => {
      body += chunk;
    });
    request.on("end", () => {
      posted.push({ path: request.url ?? "", headers: request.headers, body });
      answer(request, response);
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { posted, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook` };
}

/** Settings for a webhook at a URL. */
export const webhookAt = (url: string, allowPrivate = false) => ({ url, secret: SECRET, allowPrivate });
