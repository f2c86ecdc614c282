import assert from "node:assert/strict";
import { it } from "node:test";
import { givenInboxMessage, givenTemplate } from "../http/world.ts";
import { startApi } from "./api.ts";

it("shows what the user has been told, and marks one message or all of them as read", async (t) => {
  const api = await startApi(t);
  await givenTemplate(api);
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await api.as(api.alice, "notifications", ...args);
    assert.deepEqual([code, stderr], [0, ""]);
    return stdout;
  };
  assert.equal(await run("list"), "there are no such messages\n");
  const first = await givenInboxMessage(api, api.alice.id);
  await givenInboxMessage(api, api.alice.id);
  await givenInboxMessage(api, api.alice.id);
  const unread = async () => (JSON.parse(await run("list", "--unread", "--json")) as { id: string }[]).length;
  assert.equal(await unread(), 3);
  const shown = await run("list");
  assert.match(
    shown,
    /^\S+Z {2}The pool devbox\/\w+ was empty when workspaces were asked for {2}\(new\)\n {2}[0-9a-f-]{36}\n/,
  );
  assert.match(shown, /^ {2}2 requests for a workspace of the preset/m);
  assert.match(await run("read", first), /^marked as read: The pool devbox\/\w+ was empty/);
  assert.equal(await unread(), 2);
  assert.equal((await run("list")).split("(new)").length, 3);
  assert.equal((JSON.parse(await run("list", "--limit", "1", "--json")) as unknown[]).length, 1);
  assert.ok(JSON.parse(await run("read", first, "--json")).read_at);
  assert.equal(await run("read", "--all"), "marked all messages as read\n");
  assert.equal(await unread(), 0);
});

it("wants to be told which message, in one way, and says when there is none", async (t) => {
  const api = await startApi(t);
  for (const args of [[], ["00000000-0000-4000-8000-000000000000", "--all"]]) {
    const { code, stdout, stderr } = await api.as(api.alice, "notifications", "read", ...args);
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, /^say what you have read: either one message by its id, or --all/);
  }
  const { code, stderr } = await api.as(api.alice, "notifications", "read", "00000000-0000-4000-8000-000000000000");
  assert.equal(code, 1);
  assert.match(stderr, /^error: .*does not exist, or you may not see it/);
});
