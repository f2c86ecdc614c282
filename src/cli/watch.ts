import { setTimeout as delay } from "node:timers/promises";
import { ProblemError } from "../errors.ts";
import { untilInterrupted } from "./interrupt.ts";
import type { Io } from "./io.ts";
import { instantText } from "./words.ts";

/** The time between two drawings. */
const INTERVAL_MS = 2_000;
/** Takes a terminal's cursor to the upper left corner and clears all that follows; what has scrolled away stays. */
const CLEAR = "\x1b[H\x1b[J";

/** What is watched, and the outside world that a test replaces. */
export type Watched = {
  /** The lines to show now; may give up when the signal is aborted. */
  draw(signal: AbortSignal): Promise<readonly string[]>;
  /** Resolves when it is time to draw again, and at once when the signal is aborted. */
  pause(signal: AbortSignal): Promise<void>;
  /** Whether what was drawn before can be cleared away. */
  readonly isTerminal: boolean;
  now(): Date;
};

/**
 * Draws again and again until the signal is aborted. A daemon that is away is shown as such and asked again; any other
 * failure ends the watching.
 */
export async function watch(io: Pick<Io, "out">, watched: Watched, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const lines = await watched.draw(signal).catch((error: unknown) => awayLines(error, signal));
    if (signal.aborted) return;
    const time = instantText(watched.now().toISOString());
    io.out(`${watched.isTerminal ? CLEAR : ""}${[time, ...lines].join("\n")}\n`);
    await watched.pause(signal);
  }
}

/** Watches with this process's terminal and time until Ctrl-C, or until nobody reads the output any more. */
export function watchUntilInterrupted(io: Io, draw: Watched["draw"]): Promise<void> {
  return untilInterrupted((signal) =>
    watch(
      io,
      {
        draw,
        pause: (until) => delay(INTERVAL_MS, undefined, { signal: until }).catch(() => {}),
        isTerminal: process.stdout.isTTY === true,
        now: () => new Date(),
      },
      signal,
    ),
  );
}

function awayLines(error: unknown, signal: AbortSignal): string[] {
  if (signal.aborted) return [];
  if (!(error instanceof ProblemError) || error.kind !== "unavailable") throw error;
  const detail = error.detail === undefined ? "" : `: ${error.detail}`;
  return [`the daemon is away: ${error.message}${detail}`, `asking again every ${INTERVAL_MS / 1_000} s`];
}
