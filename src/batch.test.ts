import assert from "node:assert/strict";
import { it } from "node:test";
import { createBatcher } from "./batch.ts";

it("an item that comes alone is worked on alone, and what comes meanwhile goes together", async () => {
  const batches: number[][] = [];
  const gate = Promise.withResolvers<void>();
  const double = createBatcher<number, number>({
    lanes: 1,
    largest: 10,
    isItemsFault: () => true,
    async work(items) {
      batches.push([...items]);
      if (batches.length === 1) await gate.promise;
      return items.map((item) => item * 2);
    },
  });
  const first = double(1);
  await Promise.resolve();
  const others = [2, 3, 4].map((item) => double(item));
  gate.resolve();
  assert.deepEqual(await Promise.all([first, ...others]), [2, 4, 6, 8]);
  assert.deepEqual(batches, [[1], [2, 3, 4]]);
});

it("no batch is larger than allowed, and no more are under way than there are lanes", async () => {
  let running = 0;
  let most = 0;
  let largest = 0;
  const work = createBatcher<number, number>({
    lanes: 2,
    largest: 3,
    isItemsFault: () => true,
    async work(items) {
      running += 1;
      most = Math.max(most, running);
      largest = Math.max(largest, items.length);
      await new Promise(setImmediate);
      running -= 1;
      return items;
    },
  });
  const items = Array.from({ length: 20 }, (_, item) => item);
  assert.deepEqual(await Promise.all(items.map((item) => work(item))), items);
  assert.deepEqual([most, largest], [2, 3]);
});

it("one bad item fails alone; the others of its batch succeed", async () => {
  const work = createBatcher<number, number>({
    lanes: 1,
    largest: 10,
    isItemsFault: () => true,
    async work(items) {
      if (items.includes(3)) throw new Error("three is bad");
      return items;
    },
  });
  const results = await Promise.allSettled([1, 2, 3, 4].map((item) => work(item)));
  assert.deepEqual(
    results.map((result) => (result.status === "fulfilled" ? result.value : String(result.reason))),
    [1, 2, "Error: three is bad", 4],
  );
});

it("when a batch fails for another reason than an item, all its items fail at once", async () => {
  let calls = 0;
  const work = createBatcher<number, number>({
    lanes: 1,
    largest: 10,
    isItemsFault: () => false,
    async work() {
      calls += 1;
      throw new Error("the database is away");
    },
  });
  const results = await Promise.allSettled([1, 2, 3].map((item) => work(item)));
  assert.ok(results.every((result) => result.status === "rejected"));
  assert.equal(calls, 1);
});

it("an item that is given up before its turn is not worked on", async () => {
  const gate = Promise.withResolvers<void>();
  const worked: number[] = [];
  const work = createBatcher<number, number>({
    lanes: 1,
    largest: 10,
    isItemsFault: () => false,
    async work(items) {
      worked.push(...items);
      await gate.promise;
      return items;
    },
  });
  const first = work(1);
  await Promise.resolve();
  const caller = new AbortController();
  const [second, third] = [work(2, caller.signal), work(3)];
  caller.abort(new Error("gone"));
  gate.resolve();
  await assert.rejects(second, /gone/);
  assert.deepEqual([await first, await third, worked], [1, 3, [1, 3]]);
});
