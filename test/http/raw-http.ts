import { connect } from "node:net";

/** A request as it goes over the wire, byte by byte. */
export type RawRequest = {
  readonly method: string;
  /** What stands between the method and the version, without being made right in any way. */
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer | undefined;
};

/** What came back. */
export type RawAnswer = { readonly status: number; readonly contentType: string; readonly body: string };

/** An answer that takes longer is none. */
const PATIENCE_MS = 15_000;

/** What comes before the answer when the request asks whether it should go on. */
const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";

/** The bytes of a request; its connection is closed after the answer. */
export function bytesOf({ method, target, headers, body }: RawRequest): Buffer {
  const length = body === undefined ? [] : [["content-length", String(body.length)]];
  const lines = [["host", "localhost"], ["connection", "close"], ...headers, ...length];
  const head = [`${method} ${target} HTTP/1.1`, ...lines.map((line) => line.join(": ")), "", ""].join("\r\n");
  return Buffer.concat([Buffer.from(head), body ?? Buffer.alloc(0)]);
}

/**
 * Sends bytes on a connection of their own and reads the answer to its end; of one that streams only how it begins.
 * @throws when nothing comes back that is an answer.
 */
export function sendBytes(port: number, bytes: Buffer): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let received = Buffer.alloc(0);
    const end = () => {
      clearTimeout(impatience);
      socket.destroy();
      received = received.subarray(received.indexOf(CONTINUE) === 0 ? CONTINUE.length : 0);
      const headEnd = received.indexOf("\r\n\r\n");
      const head = received.subarray(0, headEnd).toString("latin1");
      const status = /^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1];
      if (status === undefined)
        reject(new Error(`no answer came but ${JSON.stringify(received.toString().slice(0, 200))}`));
      const contentType = /^content-type: (.*)$/im.exec(head)?.[1] ?? "";
      // What the server takes for the beginning of another request it may answer, too.
      const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? received.length);
      const body = received.subarray(headEnd + 4, headEnd + 4 + length).toString();
      resolve({ status: Number(status), contentType, body });
    };
    const impatience = setTimeout(end, PATIENCE_MS);
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (/^content-type: text\/event-stream/im.test(received.toString("latin1"))) end();
    });
    // A server that has answered already may close while we are still sending.
    socket.on("error", end);
    socket.on("end", end);
    socket.write(bytes);
  });
}
