/** One event of a stream as the daemon sends it; one without a name is a `message`. */
export type SentEvent = { readonly id: string | undefined; readonly name: string; readonly data: string };

/** Takes apart a stream of events (`text/event-stream`), however the text is cut. What is cut off at its end is left out. */
export async function* readEvents(chunks: AsyncIterable<string>): AsyncGenerator<SentEvent> {
  let rest = "";
  for await (const chunk of chunks) {
    const blocks = (rest + chunk).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const event = eventOf(block);
      if (event) yield event;
    }
  }
}

/** Comments and what says only how to connect again are no events. */
function eventOf(block: string): SentEvent | undefined {
  const fields = new Map<string, string>();
  for (const line of block.split("\n")) {
    const [, name = "", value = ""] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
    if (name !== "") fields.set(name, value);
  }
  const data = fields.get("data");
  return data === undefined ? undefined : { id: fields.get("id"), name: fields.get("event") ?? "message", data };
}
