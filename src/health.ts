import type { Health } from "./http/app.ts";

/** What the probes report; the parts of the daemon tell it how they are doing. */
export type HealthBoard = {
  report(): Health;
  /** The daemon is still starting and busy with this. */
  starting(step: string): void;
  ready(): void;
  stopping(): void;
  /** The process is to be restarted when the loop has not ended a run for longer than the limit. */
  restartWhenIdle(loop: string, idleMs: () => number, limitMs: number): void;
  /** The process is to get no requests while the time is longer than the limit. */
  unreadyWhenIdle(problem: string, idleMs: () => number, limitMs: number): void;
};

type Check = { readonly name: string; readonly idleMs: () => number; readonly limitMs: number };

/** Makes the board; until told otherwise the daemon is starting. */
export function createHealth(): HealthBoard {
  let phase: string | undefined = "starting";
  const restarts: Check[] = [];
  const unready: Check[] = [];
  const isLate = ({ idleMs, limitMs }: Check) => idleMs() > limitMs;

  return {
    report() {
      const stalled = restarts.filter(isLate).map(({ name, idleMs }) => {
        return `${name} has not ended a run for ${Math.round(idleMs() / 1_000)} seconds`;
      });
      const missing = [...(phase === undefined ? [] : [phase]), ...unready.filter(isLate).map(({ name }) => name)];
      return {
        live: { ok: stalled.length === 0, problems: stalled },
        ready: { ok: missing.length === 0, problems: missing },
      };
    },
    starting(step) {
      phase = `starting: ${step}`;
    },
    ready() {
      phase = undefined;
    },
    stopping() {
      phase = "stopping";
    },
    restartWhenIdle: (name, idleMs, limitMs) => restarts.push({ name, idleMs, limitMs }),
    unreadyWhenIdle: (name, idleMs, limitMs) => unready.push({ name, idleMs, limitMs }),
  };
}
