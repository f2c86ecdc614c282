// Receives what prebuildd posts to PREBUILDD_WEBHOOK_URL: `PREBUILDD_WEBHOOK_SECRET=… node receiver.ts 8080`.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";

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

/** No message of prebuildd is nearly as long; who sends more has no secret, and could fill the memory. */
const LONGEST_BODY = 10_000_000;

/** The whole body; undefined when it is too long. @throws when the sender goes away before its end */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > LONGEST_BODY) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** The HTTP status that says what has become of a message. */
async function receive(request: IncomingMessage): Promise<number> {
  const header = (name: string) => String(request.headers[name] ?? "");
  const body = await bodyOf(request);
  if (body === undefined) return 413;
  if (!isGenuine(header("prebuildd-timestamp"), header("prebuildd-signature"), body)) return 401;
  const id = header("prebuildd-id");
  if (!seen.has(id)) process.stdout.write(`${JSON.parse(body).title}\n`);
  seen.add(id);
  return 204;
}

const server = createServer((request, response) => {
  receive(request).then(
    (status) => response.writeHead(status, { connection: "close" }).end(),
    () => response.destroy(), // the sender has gone away
  );
});
server.listen(Number(process.argv[2] ?? 8080), "127.0.0.1", () => {
  process.stdout.write(`listening on ${JSON.stringify(server.address())}\n`);
});
