import type { Readable } from "node:stream";

/** What a command has to do with the process that it runs in. */
export type Io = {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Writes to stdout: the command's result and nothing else. */
  out(text: string): void;
  /** Writes to stderr: everything that is not the result. */
  err(text: string): void;
  readonly stdin: Readable;
};

/** Prints a result as the one JSON document of a command. */
export function printJson(io: Io, result: unknown): void {
  io.out(`${JSON.stringify(result, null, 2)}\n`);
}

/** Prints lines for a person. */
export function printLines(io: Io, lines: readonly string[]): void {
  if (lines.length > 0) io.out(`${lines.join("\n")}\n`);
}
