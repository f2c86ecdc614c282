import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { withoutDump } from "./state-dump.ts";

const STATE = `{\n  "version": 4,\n  "resources": [\n    {}\n  ]\n}\n`;

/** Sends text through in pieces of so many bytes. */
function sent(text: string, pieceBytes: number, maxBytes = 1_000) {
  const passed: Uint8Array[] = [];
  let ended = 0;
  const sink = withoutDump(
    {
      write: (chunk) => void passed.push(chunk),
      end() {
        ended += 1;
      },
    },
    maxBytes,
  );
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += pieceBytes) sink.write(bytes.subarray(at, at + pieceBytes));
  sink.end();
  assert.equal(ended, 1);
  const { begun, bytes: dumped } = sink.dump();
  return { passed: Buffer.concat(passed).toString(), begun, dumped: dumped?.toString() };
}

describe("a state that is printed", () => {
  for (const pieceBytes of [1, 2, 3, 7, 1_000]) {
    test(`is taken out of what is around it, however it arrives: ${pieceBytes} bytes at once`, () => {
      const { passed, begun, dumped } = sent(`\nError: disk full\n${STATE}\nError: no luck\n}`, pieceBytes);
      assert.equal(passed, "\nError: disk full\n\nError: no luck\n}");
      assert.ok(begun);
      assert.equal(dumped, STATE);
    });
  }

  test("is not let through when it is cut", () => {
    const { passed, begun, dumped } = sent(`before\n{\n  "secret": 1`, 4);
    assert.deepEqual([passed, begun, dumped], ["before\n", true, '{\n  "secret": 1']);
  });

  test("is not kept, and not let through either, when it is too large", () => {
    const { passed, begun, dumped } = sent(`${STATE}after\n`, 5, STATE.length - 1);
    assert.deepEqual([passed, begun, dumped], ["after\n", true, undefined]);
    assert.equal(sent(STATE, 5, STATE.length).dumped, STATE);
  });

  test("is nothing but a brace at the beginning of a line and behind it nothing", () => {
    for (const text of [" {\n a\n}\n", "{ \n", "x{\n", "{}\n", "{", "ü{\n"]) {
      for (const pieceBytes of [1, 1_000]) {
        assert.deepEqual(sent(text, pieceBytes), { passed: text, begun: false, dumped: undefined });
      }
    }
  });
});
