import { spawnGuarded } from "../../src/process/guard.ts";

/** A process for a test to kill: it guards a command, passes its output on and never ends by itself. */
const [onOrphaned, command] = process.argv.slice(2);
const child = spawnGuarded("/bin/sh", ["-c", command ?? "exit 2"], {
  onOrphaned:
    onOrphaned === "finish"
      ? { undisturbedSeconds: 1, interruptedSeconds: 1 }
      : onOrphaned === "SIGINT"
        ? "SIGINT"
        : "SIGKILL",
});
child.stdout.pipe(process.stdout);
setInterval(() => {}, 60_000);
