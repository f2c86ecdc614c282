import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import pg from "pg";
import { answerTo, isDatabaseUnavailable } from "./errors.ts";

const thrownBy = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => assert.fail("did not throw"),
    (error) => error,
  );

function databaseError(code: string): pg.DatabaseError {
  return Object.assign(new pg.DatabaseError("message", 7, "error"), { code });
}

describe("isDatabaseUnavailable", () => {
  test("a server that refuses connections, or whose socket is missing, is unavailable", async () => {
    for (const url of ["postgresql://u@127.0.0.1:1/d", "postgresql://u@localhost:1/d", "socket:/nowhere?db=d"]) {
      const error = await thrownBy(new pg.Client({ connectionString: url }).connect());
      assert.ok(isDatabaseUnavailable(error), url);
    }
  });

  test("a pool that has ended is unavailable", async () => {
    const pool = new pg.Pool();
    await pool.end();
    assert.ok(isDatabaseUnavailable(await thrownBy(pool.query("select"))));
  });

  test("a server that starts, stops or has no connection left is unavailable, also behind another error", () => {
    for (const code of ["57P01", "57P03", "08006", "53300"]) {
      assert.ok(isDatabaseUnavailable(new Error("outer", { cause: databaseError(code) })), code);
    }
  });

  test("a statement that is wrong, a missing file and other mistakes of ours are not", async () => {
    const missing = await thrownBy(readFile("/nowhere/at/all"));
    for (const error of [databaseError("42703"), databaseError("23505"), missing, new Error("x"), "x", undefined]) {
      assert.ok(!isDatabaseUnavailable(error));
    }
  });
});

test("whatever is thrown, the caller gets no more than where to look", () => {
  for (const thrown of [new Error("secret"), "secret", null, { statusCode: 200 }, databaseError("42703")]) {
    assert.deepEqual(answerTo(thrown, "r1"), {
      status: 500,
      body: { message: "internal error", detail: "request r1" },
    });
  }
});
