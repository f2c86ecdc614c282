import { finished } from "node:stream/promises";
import type { GuardedProcess } from "./guard.ts";

/** The longest delay of a timer; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A signal that is also aborted when time is up; `passed` says that this was the reason. */
type Deadline = Disposable & { readonly signal: AbortSignal; readonly passed: boolean };

/** Limits work that a signal can end to a time. */
export function withDeadline(signal: AbortSignal, timeoutMs: number): Deadline {
  const both = new AbortController();
  let passed = false;
  const cancel = () => both.abort(signal.reason);
  const expire = () => {
    passed = !both.signal.aborted;
    both.abort(new Error("time is up"));
  };
  const timer = setTimeout(expire, Math.min(timeoutMs, MAX_TIMER_MS));
  signal.addEventListener("abort", cancel, { once: true });
  if (signal.aborted) cancel();
  return {
    signal: both.signal,
    get passed() {
      return passed;
    },
    [Symbol.dispose]() {
      clearTimeout(timer);
      signal.removeEventListener("abort", cancel);
    },
  };
}

/** How a command is ended before it ends by itself. */
type GivingUp = {
  /** Aborted when it is to end. */
  readonly signal: AbortSignal;
  /** Asks it politely. */
  askToEnd(): void;
  /** How long it may go on after that before it is killed with all that it started. */
  readonly killGraceMs: number;
};

/**
 * Waits for a command's end, which is never later than the grace period after the signal.
 * @throws Error when it could not be started
 */
export async function endOf(
  child: GuardedProcess,
  { signal, askToEnd, killGraceMs }: GivingUp,
): Promise<Awaited<GuardedProcess["exited"]> & { readonly givenUp: boolean }> {
  let givenUp = false;
  let killTimer: NodeJS.Timeout | undefined;
  const giveUp = () => {
    givenUp = true;
    askToEnd();
    killTimer = setTimeout(() => child.killGroup("SIGKILL"), Math.min(killGraceMs, MAX_TIMER_MS));
  };
  signal.addEventListener("abort", giveUp, { once: true });
  if (signal.aborted) giveUp();
  try {
    return { ...(await child.exited), givenUp };
  } finally {
    clearTimeout(killTimer);
    signal.removeEventListener("abort", giveUp);
  }
}

/** Reads a stream to its end. */
export async function readInto(
  stream: NodeJS.ReadableStream,
  sink: { write(chunk: Uint8Array): void; end(): void },
): Promise<void> {
  stream.on("data", (chunk: Buffer) => sink.write(chunk));
  await finished(stream).catch(() => {}); // a broken pipe: what was read until then counts
  sink.end();
}
