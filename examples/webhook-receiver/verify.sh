#!/bin/sh
# Says whether a body is what prebuildd has signed: verify.sh TIMESTAMP SIGNATURE < body
# The first two are the headers Prebuildd-Timestamp and Prebuildd-Signature; PREBUILDD_WEBHOOK_SECRET is the secret. It
# stays in the environment: everybody on the machine can read the arguments of a command, those of openssl too.
: "${PREBUILDD_WEBHOOK_SECRET:?set it to the secret that prebuildd has}"
exec node -e '
  const { createHmac, timingSafeEqual } = require("node:crypto");
  const [timestamp = "", signature = ""] = process.argv.slice(1);
  const hmac = createHmac("sha256", process.env.PREBUILDD_WEBHOOK_SECRET);
  const signed = hmac.update(timestamp + ".").update(require("node:fs").readFileSync(0)).digest("hex");
  const [expected, given] = [Buffer.from("v1=" + signed), Buffer.from(signature)];
  const isGenuine = expected.length === given.length && timingSafeEqual(expected, given);
  console[isGenuine ? "log" : "error"](isGenuine ? "genuine" : "forged");
  process.exitCode = isGenuine ? 0 : 1;
' -- "$@"
