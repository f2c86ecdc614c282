import pg from "pg";
import type { Logger } from "../../src/log.ts";
import { type BuildQueue, createBuildQueue } from "../../src/provisioner/queue.ts";

/**
 * The product's queue, which starts when it is first used: most tests queue nothing, and starting takes a while. It has
 * connections of its own, because those who use it first may hold all others; they last as long as the database.
 */
export function createQueueForTest({ options }: pg.Pool, log: Logger): BuildQueue {
  const own = new pg.Pool({ connectionString: options.connectionString, allowExitOnIdle: true });
  own.on("error", () => {}).on("connect", (client) => client.on("error", () => {}));
  const queue = createBuildQueue(own, log);
  let starting: Promise<void> | undefined;
  let ended = false;
  const start = () => {
    if (!starting && ended) throw new Error("the queue has ended with its test");
    starting ??= queue.start();
    return starting;
  };
  const afterStart =
    <Given extends unknown[], Result>(method: (...given: Given) => Promise<Result>) =>
    async (...given: Given): Promise<Result> => {
      await start();
      return method(...given);
    };
  return {
    start,
    add: afterStart(queue.add),
    addition: afterStart(queue.addition),
    missing: afterStart(queue.missing),
    measure: afterStart(queue.measure),
    take: afterStart(queue.take),
    keep: afterStart(queue.keep),
    done: afterStart(queue.done),
    handBack: afterStart(queue.handBack),
    async [Symbol.asyncDispose]() {
      ended = true;
      await starting;
      if (starting !== undefined) await queue[Symbol.asyncDispose]();
    },
  };
}
