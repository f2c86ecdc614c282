import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ProblemError } from "../errors.ts";
import { watch } from "./watch.ts";

/** Watches what the steps give, one drawing after another, and aborts after the last. */
async function watched(steps: readonly (() => string[])[], options: { readonly isTerminal?: boolean } = {}) {
  const stop = new AbortController();
  const written: string[] = [];
  const waiting = steps.values();
  let left = steps.length;
  let now = Date.parse("2025-06-02T09:00:00.123Z");
  const ended = watch(
    { out: (text) => void written.push(text) },
    {
      draw: async () => waiting.next().value?.() ?? assert.fail("drawn too often"),
      pause: async () => {
        now += 2_000;
        left -= 1;
        if (left === 0) stop.abort();
      },
      isTerminal: options.isTerminal ?? false,
      now: () => new Date(now),
    },
    stop.signal,
  );
  return { ended, written };
}

describe("watching", () => {
  it("draws again below a line with the time, until it is interrupted", async () => {
    const { ended, written } = await watched([() => ["one"], () => ["two", "lines"]]);
    await ended;
    assert.deepEqual(written, ["2025-06-02T09:00:00Z\none\n", "2025-06-02T09:00:02Z\ntwo\nlines\n"]);
  });

  it("clears a terminal in the same write as it draws, so that it does not flicker", async () => {
    const { ended, written } = await watched([() => ["one"]], { isTerminal: true });
    await ended;
    assert.deepEqual(written, ["\x1b[H\x1b[J2025-06-02T09:00:00Z\none\n"]);
  });

  it("shows that the daemon is away, and asks again", async () => {
    const away = () => {
      throw new ProblemError("unavailable", "no daemon answers at http://x", { detail: "starting" });
    };
    const { ended, written } = await watched([() => ["one"], away, () => ["back"]]);
    await ended;
    assert.equal(
      written[1],
      "2025-06-02T09:00:02Z\nthe daemon is away: no daemon answers at http://x: starting\nasking again every 2 s\n",
    );
    assert.equal(written[2], "2025-06-02T09:00:04Z\nback\n");
  });

  it("ends with what asking again does not mend", async () => {
    const { ended } = await watched([
      () => {
        throw new ProblemError("unauthenticated", "the token is not valid");
      },
    ]);
    await assert.rejects(ended, { message: "the token is not valid" });
  });

  it("writes nothing more when it is interrupted while it asks", async () => {
    const stop = new AbortController();
    const written: string[] = [];
    await watch(
      { out: (text) => void written.push(text) },
      {
        draw: async (signal) => {
          stop.abort();
          assert.ok(signal.aborted);
          throw new ProblemError("unavailable", "gave up");
        },
        pause: () => assert.fail("went on"),
        isTerminal: false,
        now: () => new Date(),
      },
      stop.signal,
    );
    assert.deepEqual(written, []);
  });
});
