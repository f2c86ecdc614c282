import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readConfig } from "./config.ts";
import { UsageError } from "./errors.ts";

describe("the configuration", () => {
  it("has a value for everything when nothing is set, and an empty value counts as not set", () => {
    const config = readConfig({ PREBUILDD_LISTEN: "" });
    assert.deepEqual(config.listen, { host: "127.0.0.1", port: 7070 });
    assert.equal(config.provisioners, 3);
    assert.equal(config.reconciliationIntervalMs, 60_000);
    assert.equal(config.databaseUrl, undefined);
  });

  it("uses the database's URL for locks and notifications unless another one is given", () => {
    assert.equal(readConfig({ DATABASE_URL: "postgresql://a/b" }).databaseDirectUrl, "postgresql://a/b");
    const both = readConfig({ DATABASE_URL: "postgresql://pooler/b", DATABASE_DIRECT_URL: "postgresql://a/b" });
    assert.equal(both.databaseDirectUrl, "postgresql://a/b");
  });

  it("understands IPv6 and addresses without a host", () => {
    assert.deepEqual(readConfig({ PREBUILDD_LISTEN: "[::1]:80" }).listen, { host: "::1", port: 80 });
    assert.deepEqual(readConfig({ PREBUILDD_LISTEN: ":80" }).listen, { host: "0.0.0.0", port: 80 });
  });

  it("reports every bad key at once, with its value and what is allowed, but never a database URL", () => {
    const env = {
      DATABASE_URL: "mysql://root:secret@host/db",
      PREBUILDD_LISTEN: "7070",
      PREBUILDD_PROVISIONERS: "-1",
      PREBUILDD_LOG_LEVEL: "loud",
      PREBUILDD_RECONCILIATION_INTERVAL: "1 minute",
    };
    assert.throws(
      () => readConfig(env),
      (error: unknown) => {
        assert.ok(error instanceof UsageError);
        for (const key of Object.keys(env)) assert.ok(error.message.includes(key), `${key} is named`);
        assert.match(error.message, /PREBUILDD_LISTEN is "7070", but must be an address such as 127.0.0.1:7070/);
        assert.doesNotMatch(error.message, /secret/);
        return true;
      },
    );
  });
});
