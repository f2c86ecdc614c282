import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { packSource } from "../../src/templates/sources.ts";
import { startTestServer } from "./server.ts";

const QUICKSTART = fileURLToPath(new URL("../../examples/quickstart/template", import.meta.url));

test("a source that does not have the hash it came with is refused, because it would block the right one", async (t) => {
  const server = await startTestServer(t);
  const { data } = await packSource(QUICKSTART, "command");
  const source = { hash: "0".repeat(64), archive: data.toString("base64") };
  const json = { templates: [{ name: "x", provisioner: "command", source, presets: [] }] };
  const answer = await server.send("PUT", "/api/v2/apply", { as: server.admin, json });
  assert.equal(answer.statusCode, 400);
  assert.match(answer.json().message, /does not have the hash it came with/);
  const { rows } = await server.pool.query("select count(*)::int as files from files");
  assert.deepEqual(rows, [{ files: 0 }]);
});
