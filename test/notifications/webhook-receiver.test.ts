import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { createWebhook, signatureOf } from "../../src/notifications/webhook.ts";
import { waitFor } from "../support/wait-for.ts";
import { SECRET, webhookAt } from "./support.ts";

const example = (name: string) => fileURLToPath(new URL(`../../examples/webhook-receiver/${name}`, import.meta.url));
const env = { PATH: process.env["PATH"], PREBUILDD_WEBHOOK_SECRET: SECRET };
const DOCUMENT = { id: "one", body: '{"title":"Ümlaut 100 % $HOME"}' };

test("the example of a receiver takes what is signed, once, and survives what is forged, old, endless or broken off", async (t) => {
  const child = spawn(process.execPath, [example("receiver.ts"), "0"], { env });
  t.after(() => child.kill());
  let printed = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    printed += chunk;
  });
  const port = await waitFor("the receiver to listen", () => /"port":(\d+)/.exec(printed)?.[1]);
  const url = `http://127.0.0.1:${port}/`;
  const never = new AbortController().signal;
  const post = createWebhook(webhookAt(url));
  const now = new Date();
  await post({ ...DOCUMENT, now }, never);
  await post({ ...DOCUMENT, now }, never);
  const forged = createWebhook({ ...webhookAt(url), secret: "the secret of another" });
  await assert.rejects(forged({ ...DOCUMENT, id: "two", now }, never), /answered 401$/);
  const old = new Date(now.getTime() - 600_000);
  await assert.rejects(post({ ...DOCUMENT, id: "three", now: old }, never), /answered 401$/);
  await assert.rejects(
    post({ id: "four", body: "x".repeat(10_000_001), now }, never),
    /answered 413$|cannot be reached/,
  );
  const cut = connect(Number(port), "127.0.0.1");
  cut.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
  await once(cut, "connect");
  cut.resetAndDestroy();
  await post({ ...DOCUMENT, id: "five", now }, never);
  assert.deepEqual(printed.trim().split("\n").slice(1), ["Ümlaut 100 % $HOME", "Ümlaut 100 % $HOME"]);
});

test("the example for the command line tells what is signed from what is forged", () => {
  const verify = (body: string, signature: string) =>
    spawnSync(example("verify.sh"), ["1750000000", signature], { env, input: body, encoding: "utf8" });
  const signature = signatureOf(SECRET, 1_750_000_000, DOCUMENT.body);
  const genuine = verify(DOCUMENT.body, signature);
  assert.deepEqual([genuine.status, genuine.stdout], [0, "genuine\n"], genuine.stderr);
  const forged = verify(`${DOCUMENT.body} `, signature);
  assert.deepEqual([forged.status, forged.stderr], [1, "forged\n"]);
});
