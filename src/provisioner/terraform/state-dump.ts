import type { OutputSink } from "../output.ts";

/** What Terraform has printed of a state that it could not write anywhere. */
export type StateDump = {
  /** It has begun to print one. */
  readonly begun: boolean;
  /** The state as it was printed; null when that is more than is kept. */
  readonly bytes: Buffer | null;
};

const NEWLINE = 10;

/**
 * Passes output on except for a state in it, which Terraform prints when it can write it nowhere, for a person to save:
 * all values are in it, sensitive ones too. It is what stands between a line that is an opening brace and nothing else
 * and one that is a closing brace.
 * @param maxBytes how much of it is kept
 */
export function withoutDump(passOn: OutputSink, maxBytes: number): OutputSink & { dump(): StateDump } {
  let chunks: Uint8Array[] = [];
  let bytes = 0;
  let begun = false;
  let inside = false;
  let atLineStart = true;
  let held = "";

  const give = (part: Uint8Array) => {
    if (!inside) {
      passOn.write(part);
      return;
    }
    bytes += part.length;
    if (bytes <= maxBytes) chunks.push(Uint8Array.from(part));
    else chunks = [];
  };

  /** Takes a part of a line, up to its end when that has come. */
  const take = (part: Uint8Array, ends: boolean) => {
    const isShort = atLineStart && held.length + part.length <= 2;
    const line = isShort ? held + Buffer.from(part).toString("latin1") : "";
    if (line === "{" || line === "}") {
      held = line; // whether there is more in this line shows with the next part
      return;
    }
    if (line === "{\n") {
      begun = true;
      inside = true;
    }
    give(held === "" ? part : Buffer.concat([Buffer.from(held), part]));
    if (line === "}\n") inside = false;
    held = "";
    atLineStart = ends;
  };

  return {
    write(chunk) {
      for (let from = 0; from < chunk.length; ) {
        const newline = chunk.indexOf(NEWLINE, from);
        const to = newline < 0 ? chunk.length : newline + 1;
        take(chunk.subarray(from, to), newline >= 0);
        from = to;
      }
    },
    end() {
      if (held !== "") give(Buffer.from(held));
      held = "";
      passOn.end();
    },
    dump: () => ({ begun, bytes: begun && bytes <= maxBytes ? Buffer.concat(chunks) : null }),
  };
}
