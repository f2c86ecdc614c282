// Receives what prebuildd posts to PREBUILDD_WEBHOOK_URL: `PREBUILDD_WEBHOOK_SECRET=… node receiver.ts 8080`.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";

const secret = process.env["PREBUILDD_WEBHOOK_SECRET"] ?? "";
if (secret === "") throw new Error("set PREBUILDD_WEBHOOK_SECRET to the secret that prebuildd has");

/** Whether prebuildd has sent this body within the last five minutes. */
function isGenuine(timestamp: string, signature: string, body: string): boolean {
  const digest = createHmac("sha256", secret).update(`${timestamp}.${body}`).digest("hex");
  const [expected, given] = [Buffer.from(`v1=${digest}`), Buffer.from(signature)];
  const isSigned = expected.length === given.length && timingSafeEqual(expected, given);
  return isSigned && Math.abs(Date.now() / 1_000 - Number(timestamp)) < 300;
}

/** A message that could not be confirmed comes again; a real receiver remembers the ids for longer than a process lives. */
const seen = new Set<string>();

const server = createServer(async (request, response) => {
  const header = (name: string) => String(request.headers[name] ?? "");
  const body = await text(request);
  const isFrom = isGenuine(header("prebuildd-timestamp"), header("prebuildd-signature"), body);
  if (isFrom && !seen.has(header("prebuildd-id"))) {
    seen.add(header("prebuildd-id"));
    process.stdout.write(`${JSON.parse(body).title}\n`);
  }
  response.writeHead(isFrom ? 204 : 401).end();
});
server.listen(Number(process.argv[2] ?? 8080), "127.0.0.1", () => {
  process.stdout.write(`listening on ${JSON.stringify(server.address())}\n`);
});
