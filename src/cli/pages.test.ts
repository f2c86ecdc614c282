import assert from "node:assert/strict";
import { it } from "node:test";
import type { Client } from "./client.ts";
import { readAll } from "./pages.ts";

it("a list is read page by page until a page is not full, with the same filters for each", async () => {
  for (const [length, pages] of [
    [0, 1],
    [999, 1],
    [1_000, 2],
    [2_500, 3],
  ] as const) {
    const list = Array.from({ length }, (_, index) => index);
    const asked: string[] = [];
    const get = async (path: string) => {
      asked.push(path);
      const query = new URL(path, "http://daemon").searchParams;
      const [limit, offset] = [Number(query.get("limit")), Number(query.get("offset"))];
      return list.slice(offset, offset + limit);
    };
    const read = await readAll({ get } as Client, "/jobs", { status: "pending,running" });
    assert.deepEqual(read, list);
    assert.equal(asked.length, pages);
    for (const path of asked) assert.match(path, /^\/jobs\?status=pending%2Crunning&limit=1000&offset=\d+$/);
  }
});
