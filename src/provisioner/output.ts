import type { BuildLogLine } from "./driver.ts";

/** Characters of one line that are kept. */
export const MAX_LINE = 8 * 1024;

/** What stands at the end of a line that was longer. */
export const CUT_MARK = " … [line cut]";

const [ESC, BEL] = ["\u001b", "\u0007"];
/** What terminals take for commands: a colour, a link or a title, and shorter ones. */
const SEQUENCE = new RegExp(
  `${ESC}(?:\\[[0-?]*[ -/]*[@-~]|\\][^${ESC}${BEL}]*(?:${BEL}|${ESC}\\\\)|[ -/]*[0-Z\\\\^-~])`,
  "g",
);
const CONTROL = /[^\P{Cc}\t]/gu;

/** Takes the bytes that a process prints. */
export type OutputSink = { write(chunk: Uint8Array): void; end(): void };

/**
 * Makes lines of text from whatever a process prints, in bounded memory: long lines are cut, colours and the like are
 * left out, what is not UTF-8 becomes replacement characters (control characters other than tabs, too: a terminal would
 * obey them, and PostgreSQL cannot store all of them), and of a line that is redrawn with carriage returns, as progress
 * bars are, the last state is kept.
 */
export function createLineSplitter(onLine: (line: string) => void): OutputSink {
  const decoder = new TextDecoder("utf-8");
  let held = "";
  let line = "";
  let cut = false;
  let redraw = false;

  const emit = () => {
    const plain = line.replaceAll(SEQUENCE, "").replaceAll(CONTROL, "\uFFFD");
    onLine(plain.toWellFormed() + (cut ? CUT_MARK : ""));
    line = "";
    cut = false;
    redraw = false;
  };

  const append = (text: string) => {
    if (redraw) line = "";
    if (redraw) cut = false;
    redraw = false;
    const room = MAX_LINE - line.length;
    line += text.slice(0, room);
    cut ||= text.length > room;
  };

  const take = (decoded: string) => {
    let text = held + decoded;
    held = "";
    // Whether a carriage return at the very end redraws the line or ends it is only known with the next chunk.
    if (text.endsWith("\r")) {
      held = "\r";
      text = text.slice(0, -1);
    }
    for (const part of text.split(/(\r?\n|\r)/)) {
      if (part.endsWith("\n")) emit();
      else if (part === "\r") redraw = true;
      else if (part !== "") append(part);
    }
  };

  return {
    write: (chunk) => take(decoder.decode(chunk, { stream: true })),
    end: () => {
      take(decoder.decode());
      if (line !== "") emit();
    },
  };
}

/** Bytes of log that one build may write; the table of logs is shared with every other build. */
export const MAX_OUTPUT_BYTES = 10 * 1024 * 1024;

/** What a stored line costs besides its text, so that a flood of empty lines ends too. */
const LINE_COST_BYTES = 64;

/** Passes lines on until a build has printed enough, then says so once and drops the rest. */
export function limitOutput(
  log: (line: BuildLogLine) => void,
  maxBytes: number = MAX_OUTPUT_BYTES,
): (line: BuildLogLine) => void {
  let left = maxBytes;
  return (line) => {
    if (left < 0) return;
    left -= Buffer.byteLength(line.output) + LINE_COST_BYTES;
    if (left >= 0) log(line);
    else log({ level: "warn", stage: line.stage, output: "output cut: this build has printed too much to keep more" });
  };
}
