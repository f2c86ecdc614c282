import assert from "node:assert/strict";
import { test } from "node:test";
import { prefersProtobuf } from "./negotiate.ts";

const PROTO = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

test("who asks for protobuf rather than text gets it, and everybody else text", () => {
  const table: readonly [string, string | undefined, boolean][] = [
    ["nothing", undefined, false],
    ["an empty header", "", false],
    ["curl", "*/*", false],
    ["a browser", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false],
    [
      "Prometheus 2",
      "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
      false,
    ],
    [
      "Prometheus 2 with native histograms",
      `${PROTO},application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1`,
      true,
    ],
    [
      "Prometheus 3 with native histograms",
      `${PROTO};q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1`,
      true,
    ],
    ["one that says how to escape", `${PROTO};escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.2`, true],
    ["one that likes text better", `${PROTO};q=0.2,text/plain;version=0.0.4;q=0.7`, false],
    ["one that refuses protobuf", `${PROTO};q=0,*/*;q=0.1`, false],
    ["one that wants other messages", "application/vnd.google.protobuf;proto=other.Message;encoding=delimited", false],
    ["one that wants them without lengths", `${PROTO.replace("delimited", "text")},*/*;q=0.1`, false],
    [
      "spaces and capitals",
      "Application/Vnd.Google.Protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
      true,
    ],
    ["nonsense", ";;,q=x", false],
  ];
  for (const [who, accept, expected] of table) assert.equal(prefersProtobuf(accept), expected, who);
});
