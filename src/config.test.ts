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

  it("tells nobody by webhook or mail unless all that it takes is set, and says what is missing", () => {
    assert.equal(readConfig({}).webhook, undefined);
    assert.equal(readConfig({}).smtp, undefined);
    const hook = { PREBUILDD_WEBHOOK_URL: "https://hooks.example.com/x", PREBUILDD_WEBHOOK_SECRET: "0123456789abcdef" };
    const url = "https://hooks.example.com/x";
    assert.deepEqual(readConfig(hook).webhook, { url, secret: "0123456789abcdef", allowPrivate: false });
    assert.throws(
      () => readConfig({ PREBUILDD_WEBHOOK_URL: url }),
      /PREBUILDD_WEBHOOK_SECRET must be set, because PREBUILDD_WEBHOOK_URL is/,
    );
    const mail = { PREBUILDD_SMTP_URL: "smtp://localhost:25" };
    assert.throws(() => readConfig(mail), /PREBUILDD_SMTP_FROM must be set/);
  });

  it("lets a replica run builds only where others can lead and it has builds to run, and says what is missing", () => {
    const env = { DATABASE_URL: "postgresql://a/b", PREBUILDD_WORKERS_ONLY: "true" };
    assert.equal(readConfig({}).workersOnly, false);
    assert.equal(readConfig(env).workersOnly, true);
    assert.throws(
      () => readConfig({ PREBUILDD_WORKERS_ONLY: "true", PREBUILDD_PROVISIONERS: "0" }),
      /^UsageError: DATABASE_URL must be set, because PREBUILDD_WORKERS_ONLY is: .*\nPREBUILDD_PROVISIONERS must be above 0, .*$/,
    );
    assert.equal(readConfig({ PREBUILDD_WORKERS_ONLY: "false", PREBUILDD_PROVISIONERS: "0" }).workersOnly, false);
  });

  it("shows neither secrets nor URLs that may hold passwords", () => {
    const env = {
      PREBUILDD_WEBHOOK_URL: "ftp://root:hunter2@host",
      PREBUILDD_WEBHOOK_SECRET: "hunter2",
      PREBUILDD_SMTP_URL: "http://root:hunter2@host",
    };
    assert.throws(
      () => readConfig(env),
      ({ message }: Error) => {
        for (const key of Object.keys(env)) assert.ok(message.includes(key), `${key} is named`);
        assert.doesNotMatch(message, /hunter2/);
        return true;
      },
    );
  });

  it("lets templates inherit variables by name, and none of ours", () => {
    const { terraformEnv } = readConfig({ PREBUILDD_TERRAFORM_ENV: "AWS_REGION, AWS_PROFILE," });
    assert.deepEqual(terraformEnv, ["AWS_REGION", "AWS_PROFILE"]);
    for (const names of ["DATABASE_URL", "AWS_REGION,PREBUILDD_WEBHOOK_SECRET", "A=b"]) {
      assert.throws(() => readConfig({ PREBUILDD_TERRAFORM_ENV: names }), /names of environment variables/);
    }
  });
});
