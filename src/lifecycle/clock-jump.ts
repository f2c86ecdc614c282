/** What the clock on the wall and one that only ever runs forward show at the same moment, in milliseconds. */
export type ClockReading = { readonly wallMs: number; readonly monotonicMs: number };

/**
 * What is known about a wall clock after a reading of it:
 *
 *     believed ──jump forward──▶ in doubt ──stays for the grace──▶ believed
 *        │ ▲                       │  │ ▲
 *        └─┘ jump back             │  └─┘ another jump: the grace begins again
 *          ▲───── back to about the time that it would be without the jumps
 */
export type ClockState = ClockReading & {
  /** The time that no jump has brought, which is not later than the wall clock's. */
  readonly steadyMs: number;
  /** By how much the wall clock has jumped between the last two readings, forward when positive; 0 when it has not. */
  readonly jumpedMs: number;
  /** Since when, on the monotonic clock, a time to which the wall clock has jumped is in doubt; null when it is not. */
  readonly doubtedSinceMs: number | null;
};

/** Clocks that differ by more than this since the last reading have not drifted apart: one has been set. */
export const JUMP_MS = 5 * 60_000;
/** How long a wall clock that has jumped forward must stay there to be believed. */
export const JUMP_GRACE_MS = 30 * 60_000;

/**
 * What is known after another reading of the clocks. The first reading is believed.
 *
 * After a jump forward the steady time goes on by the monotonic clock, until the wall clock has stayed for
 * `JUMP_GRACE_MS` or has come back. A jump back is believed at once: what is due later by it does no harm.
 */
export function observeClock(before: ClockState | undefined, { wallMs, monotonicMs }: ClockReading): ClockState {
  if (!before) return { wallMs, monotonicMs, steadyMs: wallMs, jumpedMs: 0, doubtedSinceMs: null };
  const elapsed = Math.max(monotonicMs - before.monotonicMs, 0);
  const difference = wallMs - before.wallMs - elapsed;
  const jumpedMs = Math.abs(difference) > JUMP_MS ? difference : 0;
  const steadyMs = before.steadyMs + elapsed;
  const believed = { wallMs, monotonicMs, steadyMs: wallMs, jumpedMs, doubtedSinceMs: null };
  if (before.doubtedSinceMs === null && jumpedMs <= 0) return believed;
  if (wallMs - steadyMs <= JUMP_MS) return { ...believed, steadyMs: Math.min(wallMs, steadyMs) };
  const doubtedSinceMs = jumpedMs === 0 && before.doubtedSinceMs !== null ? before.doubtedSinceMs : monotonicMs;
  if (monotonicMs - doubtedSinceMs >= JUMP_GRACE_MS) return believed;
  return { wallMs, monotonicMs, steadyMs, jumpedMs, doubtedSinceMs };
}

/** The time, in milliseconds since 1970, up to which the clocks have run steadily. */
export function steadyTime(state: ClockState): number {
  return state.steadyMs;
}
