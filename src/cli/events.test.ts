import assert from "node:assert/strict";
import { test } from "node:test";
import { eventText, KEEP_ALIVE } from "../http/event-stream.ts";
import { readEvents } from "./events.ts";

const SENT = [
  "retry: 1000\n\n",
  eventText({ id: 7, data: { output: 'a "b": c\nd' } }),
  KEEP_ALIVE,
  eventText({ name: "end", data: null }),
].join("");

test("events are read as they were sent, wherever the text is cut, without comments and without a half one", async () => {
  const expected = [
    { id: "7", name: "message", data: JSON.stringify({ output: 'a "b": c\nd' }) },
    { id: undefined, name: "end", data: "null" },
  ];
  for (let size = 1; size <= SENT.length + 1; size += 1) {
    async function* chunks() {
      for (let at = 0; at < SENT.length; at += size) yield SENT.slice(at, at + size);
      yield "data: ha";
    }
    assert.deepEqual(await Array.fromAsync(readEvents(chunks())), expected);
  }
});
