import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

/** A span as it arrived, with its ids in hexadecimal; a root has no parent. */
export type ReceivedSpan = {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  readonly name: string;
  readonly failed: boolean;
  readonly attributes: Readonly<Record<string, string>>;
};

type Field = readonly [number, Buffer];

/** The fields of a protobuf message that are not numbers; those are passed over. */
function fieldsOf(message: Buffer): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = message[at++] ?? 0;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const [number, wire] = [Math.floor(tag / 8), tag % 8];
    if (wire === 0) fields.push([number, Buffer.from([varint() % 256])]);
    else {
      const length = wire === 1 ? 8 : wire === 5 ? 4 : varint();
      fields.push([number, message.subarray(at, at + length)]);
      at += length;
    }
  }
  return fields;
}

const all = (message: Buffer, number: number) => fieldsOf(message).flatMap(([n, data]) => (n === number ? [data] : []));
const first = (message: Buffer, number: number) => all(message, number)[0] ?? Buffer.alloc(0);

function attributesOf(keyValues: readonly Buffer[]): Record<string, string> {
  return Object.fromEntries(keyValues.map((pair) => [String(first(pair, 1)), String(first(first(pair, 2), 1))]));
}

function spanOf(span: Buffer): ReceivedSpan {
  const id = (number: number) => first(span, number).toString("hex");
  return {
    traceId: id(1),
    spanId: id(2),
    parentId: id(4),
    name: String(first(span, 5)),
    failed: first(first(span, 15), 3)[0] === 2,
    attributes: attributesOf(all(span, 9)),
  };
}

/** A collector that keeps what it is sent as OTLP over HTTP, in protobuf. */
export async function startCollector(t: TestContext) {
  const spans: ReceivedSpan[] = [];
  const services = new Set<string | undefined>();
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>));
    for (const resource of all(body, 1)) {
      services.add(attributesOf(all(first(resource, 1), 1))["service.name"]);
      for (const scope of all(resource, 2)) spans.push(...all(scope, 2).map(spanOf));
    }
    response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, spans, services };
}
