import type { BuildLogLine } from "./driver.ts";

type TimedLine = BuildLogLine & { readonly at: Date };

export type BuildLog = {
  add(line: BuildLogLine): void;
  /** Writes what is still waiting; resolves when all lines are stored. */
  flush(): Promise<void>;
};

type BuildLogOptions = {
  readonly now: () => Date;
  /** Stores lines in the order given. */
  store(lines: readonly TimedLine[]): Promise<void>;
  /** Told when lines could not be stored; they are lost then, the build goes on. */
  onError(error: unknown): void;
};

/** Lines a database write carries at most. */
const BATCH = 500;

/**
 * Stores a build's lines while it runs. One write is under way at a time and takes all lines that came in during the
 * one before, so that a chatty build costs few statements and a quiet one shows its lines at once.
 */
export function createBuildLog({ now, store, onError }: BuildLogOptions): BuildLog {
  let waiting: TimedLine[] = [];
  let writing: Promise<void> | undefined;

  async function write(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, BATCH);
      waiting = waiting.slice(BATCH);
      await store(batch).catch(onError);
    }
    // In the same turn as the last look: no line can come in between and be forgotten.
    writing = undefined;
  }

  function start(): void {
    if (waiting.length > 0) writing ??= write();
  }

  return {
    add(line) {
      waiting.push({ ...line, at: now() });
      start();
    },
    async flush() {
      start();
      await writing;
    },
  };
}
