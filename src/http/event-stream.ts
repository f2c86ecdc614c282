import { Readable } from "node:stream";
import type { FastifyReply } from "fastify";

/** How soon a client that has lost its connection should try again, in milliseconds. */
const RETRY_MS = 1_000;
/** What may wait for a slow reader, in bytes, before it is asked for more. */
const HIGH_WATER_MARK = 65_536;

/** One event of a stream, as `text/event-stream` has it. */
export type StreamEvent = {
  /** What the client sends as `Last-Event-ID` to go on after this one. */
  readonly id?: number | string;
  /** The event's name; clients hear of those without one as messages. */
  readonly name?: string;
  readonly data: unknown;
};

/** Says that the connection is still there, and nothing else. */
export const KEEP_ALIVE = ": keep-alive\n\n";

/** An event as it is sent. JSON has no line breaks of its own, so the data are always one line. */
export function eventText({ id, name, data }: StreamEvent): string {
  const fields = [
    ...(id === undefined ? [] : [`id: ${id}`]),
    ...(name === undefined ? [] : [`event: ${name}`]),
    `data: ${JSON.stringify(data)}`,
  ];
  return `${fields.join("\n")}\n\n`;
}

/**
 * Answers with the events that `produce` makes, and is asked for no faster than the client reads them. Its signal is
 * aborted when the client goes away, and when `closing` is: it should then end at once.
 */
export function sendEvents(
  reply: FastifyReply,
  closing: AbortSignal,
  produce: (signal: AbortSignal) => AsyncIterable<string>,
): FastifyReply {
  const gone = new AbortController();
  reply.raw.once("close", () => gone.abort());
  // Who does not read what is there already would hold up the end of the daemon.
  const cut = () => reply.raw.writableNeedDrain && reply.raw.destroy();
  closing.addEventListener("abort", cut, { once: true, signal: gone.signal });
  const signal = AbortSignal.any([closing, gone.signal]);
  async function* text() {
    // Sent at once, so that the client knows that it is connected.
    yield `retry: ${RETRY_MS}\n\n`;
    yield* produce(signal);
  }
  reply.header("content-type", "text/event-stream; charset=utf-8");
  reply.header("cache-control", "no-cache");
  // Left open for another request, the connection would keep a server that is stopping from closing.
  reply.header("connection", "close");
  // Proxies of the nginx kind would keep the events to themselves until there are enough of them.
  reply.header("x-accel-buffering", "no");
  return reply.send(Readable.from(text(), { objectMode: false, highWaterMark: HIGH_WATER_MARK }));
}
