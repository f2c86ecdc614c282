#!/usr/bin/env node
// Nothing may be imported before the check: an older Node fails on what it cannot read, without saying why.
const NEEDED = 24;

if (Number.parseInt(process.versions.node, 10) < NEEDED) {
  process.stderr.write(
    `prebuildd needs Node ${NEEDED} or newer, but this is Node ${process.versions.node}. ` +
      "In a checkout, `npx prebuildd` uses the right one.\n",
  );
  process.exitCode = 1;
} else {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      // Whoever read our output has gone, which is no failure of what we do.
      if (error.code !== "EPIPE") throw error;
    });
  }
  const { runCli } = await import("./cli/program.ts");
  process.exitCode = await runCli(process.argv.slice(2), {
    // biome-ignore lint/style/noProcessEnv: handed through to config.ts, which alone reads it
    env: process.env,
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
    stdin: process.stdin,
  });
}
