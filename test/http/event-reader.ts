import type { TestContext } from "node:test";
import { waitFor } from "../support/wait-for.ts";

/** One event of a stream, as it was sent. */
export type ReadEvent = { readonly id: string | undefined; readonly name: string; readonly data: unknown };

/** A stream of events that is being read. */
export type EventReader = {
  readonly status: number;
  readonly headers: Headers;
  /** What has come so far, without comments. */
  readonly events: readonly ReadEvent[];
  /** The comments that have come so far. */
  readonly comments: readonly string[];
  /** How the stream ended; undefined while it has not. */
  readonly ended: () => "closed" | "cut" | undefined;
  /** Goes away. */
  leave(): void;
};

/** Opens a stream of events and reads it until the end of the test. */
export async function readEvents(t: TestContext, url: string, headers: Record<string, string>): Promise<EventReader> {
  const leaving = new AbortController();
  t.after(() => leaving.abort());
  const response = await fetch(url, { headers, signal: leaving.signal });
  const events: ReadEvent[] = [];
  const comments: string[] = [];
  let ended: "closed" | "cut" | undefined;
  const take = (block: string) => {
    const fields = block
      .split("\n")
      .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]);
    const value = (name: string) => fields.find(([field]) => field === name)?.[1];
    const data = value("data");
    for (const [field, text] of fields) if (field === "") comments.push(text ?? "");
    if (data !== undefined) events.push({ id: value("id"), name: value("event") ?? "message", data: JSON.parse(data) });
  };
  const read = async () => {
    let rest = "";
    for await (const chunk of (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
      const blocks = (rest + chunk).split("\n\n");
      rest = blocks.pop() ?? "";
      blocks.forEach(take);
    }
    ended = "closed";
  };
  read().catch(() => {
    ended = "cut";
  });
  return {
    status: response.status,
    headers: response.headers,
    events,
    comments,
    ended: () => ended,
    leave: () => leaving.abort(),
  };
}

/** Waits until a stream has ended, by itself and not for want of a connection. */
export const closed = (reader: EventReader) => waitFor("the stream to end", () => reader.ended() === "closed");
