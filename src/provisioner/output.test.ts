import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { BuildLogLine } from "./driver.ts";
import { CUT_MARK, createLineSplitter, limitOutput, MAX_LINE } from "./output.ts";

const split = (...chunks: (string | Uint8Array)[]): string[] => {
  const lines: string[] = [];
  const sink = createLineSplitter((line) => lines.push(line));
  for (const chunk of chunks) sink.write(typeof chunk === "string" ? Buffer.from(chunk) : chunk);
  sink.end();
  return lines;
};

describe("lines of a process's output", () => {
  const table: readonly [what: string, chunks: (string | Uint8Array)[], lines: string[]][] = [
    ["are nothing when nothing is printed", [], []],
    ["end with line breaks", ["a\nb\n"], ["a", "b"]],
    ["may lack the last line break", ["a\nb"], ["a", "b"]],
    ["may be empty", ["a\n\nb\n"], ["a", "", "b"]],
    ["are joined over chunks", ["a", "b\nc", "d\n"], ["ab", "cd"]],
    ["may end with carriage return and line feed", ["a\r\nb\r\n"], ["a", "b"]],
    ["may have these two in different chunks", ["a\r", "\nb\r", "\n"], ["a", "b"]],
    ["keep the last state of a redrawn line", ["10%\r20%\r", "100%\n", "done\n"], ["100%", "done"]],
    ["keep what stands before a last carriage return", ["10%\r20%\r"], ["20%"]],
    ["keep what stands before several carriage returns", ["done\r\r\n"], ["done"]],
    ["have characters whose bytes come in two chunks", [Buffer.from([0xc3]), Buffer.from([0xbc, 0x0a])], ["ü"]],
    ["have a replacement for a character that never ends", [Buffer.from([0x61, 0xc3])], ["a\uFFFD"]],
    ["have replacements for what is no text", [Buffer.from([0x61, 0xff, 0x00, 0x62, 0x0a])], ["a\uFFFD\uFFFDb"]],
    ["have no colours and links", ["\x1b[1;31mError:\x1b[0m \x1b]8;;http://a\x07x\x1b]8;;\x07\n"], ["Error: x"]],
    [
      "have replacements for other control characters but tabs",
      ["a\tb\x1b\x07\x7f\x85c\n"],
      ["a\tb\uFFFD\uFFFD\uFFFD\uFFFDc"],
    ],
  ];
  for (const [what, chunks, lines] of table) {
    test(what, () => assert.deepEqual(split(...chunks), lines));
  }

  test("are whole up to the limit and cut with a mark above it, and the next line is whole again", () => {
    const whole = "x".repeat(MAX_LINE);
    assert.deepEqual(split(`${whole}\n${whole}y\nz\n`), [whole, whole + CUT_MARK, "z"]);
  });

  test("are cut in bounded memory when a line never ends", () => {
    const chunk = "x".repeat(64 * 1024);
    assert.deepEqual(split(...Array<string>(64).fill(chunk)), ["x".repeat(MAX_LINE) + CUT_MARK]);
  });

  test("have no half of a character at the cut", () => {
    const [line] = split(`${"x".repeat(MAX_LINE - 1)}😀\n`);
    assert.ok(line?.isWellFormed());
  });

  test("are not cut because of what a redraw has removed", () => {
    assert.deepEqual(split(`${"x".repeat(MAX_LINE + 1)}\rshort\n`), ["short"]);
  });
});

describe("the limit of a build's output", () => {
  const line = (output: string): BuildLogLine => ({ level: "info", stage: "start", output });
  const limited = (maxBytes: number, ...outputs: string[]): string[] => {
    const lines: BuildLogLine[] = [];
    const log = limitOutput((kept) => lines.push(kept), maxBytes);
    for (const output of outputs) log(line(output));
    return lines.map(({ level, output }) => `${level} ${output.slice(0, 10)}`);
  };

  test("passes on what is below it", () => {
    assert.deepEqual(limited(1_000, "a", "b"), ["info a", "info b"]);
  });

  test("is announced once, and the rest is dropped", () => {
    assert.deepEqual(limited(100, "a", "x".repeat(100), "b", "c"), ["info a", "warn output cut"]);
  });

  test("is reached by empty lines, too", () => {
    assert.equal(limited(640, ...Array<string>(1_000).fill("")).length, 11);
  });
});
