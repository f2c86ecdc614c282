import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Driver, ImportResult } from "../../src/provisioner/driver.ts";
import { givenDriver } from "../support/given.ts";
import { commandSource, givenPushes, ORGANIZATION } from "./pushing.ts";

/** Drivers for whose sources this is what they declare. */
const declaring = (found: Partial<Extract<ImportResult, { ok: true }>>) => {
  const importSource: Driver["importSource"] = async () => ({ ok: true, presets: [], parameters: [], ...found });
  return { drivers: { terraform: givenDriver({ importSource }) } };
};
const TERRAFORM = { provisioner: "terraform" };

describe("a broken source", () => {
  const window = { cron: "* 8-18 * * *", instances: 1 };
  const pool = (prebuilds: object) => ({ presets: [{ name: "Small", prebuilds }] });
  const refused: Readonly<Record<string, readonly [Partial<Extract<ImportResult, { ok: true }>>, RegExp]>> = {
    "two presets of one name": [
      { presets: [{ name: "Small" }, { name: "Small" }] },
      /^the source makes no version: preset "Small": name is there twice/,
    ],
    "a cron expression that is none": [
      pool({ instances: 1, scheduling: { timezone: "UTC", schedule: [{ ...window, cron: "often" }] } }),
      /preset "Small": prebuilds\.scheduling\.schedule\[0\]\.cron /,
    ],
    "a time zone that is none": [
      pool({ instances: 1, scheduling: { timezone: "Moon", schedule: [window] } }),
      /preset "Small": prebuilds\.scheduling\.timezone must be the name of a time zone/,
    ],
    "more prebuilds than there may be": [
      pool({ instances: 1e9 }),
      /preset "Small": prebuilds\.instances must be a whole number from 0 to/,
    ],
    "a pool without a size": [pool({}), /preset "Small": prebuilds\.instances is missing/],
    "a preset without a name": [{ presets: [{ name: "a" }, {}] }, /preset number 2: name is missing/],
    "something that is no preset": [{ presets: ["x"] }, /preset number 1: must be a map/],
    "a preset's parameter that is not declared": [
      { presets: [{ name: "Small", parameters: { disk: "1" } }], parameters: [{ name: "size", default: "s" }] },
      /preset "Small": parameters\.disk /,
    ],
    "a preset's parameter whose value is refused": [
      {
        presets: [{ name: "Small", parameters: { size: "xl" } }],
        parameters: [{ name: "size", default: "s", options: [{ name: "S", value: "s" }] }],
      },
      /preset "Small": parameters\.size /,
    ],
    "a parameter of an unknown type": [
      { parameters: [{ name: "size", type: "colour" }] },
      /parameter "size": type must be string, number, bool or list\(string\)/,
    ],
  };
  for (const [what, [found, why]] of Object.entries(refused)) {
    it(`with ${what} is refused with a sentence that names it, and changes nothing`, async (t) => {
      const api = await givenPushes(t, declaring(found));
      const { job, lines } = await api.pushed("box", await commandSource(t), TERRAFORM);
      assert.equal(job.status, "failed");
      assert.match(job.error ?? "", why);
      assert.equal(lines.at(-1), `error ${job.error}`);
      assert.equal((await api.send("GET", `${ORGANIZATION}/templates/box`, { as: api.admin })).statusCode, 404);
      assert.deepEqual((await api.pool.query("select from template_versions")).rows, []);
    });
  }

  it("that is wrong in very many places names the first of them", async (t) => {
    const presets = Array.from({ length: 500 }, (_, index) => ({ name: `p${index}`, prebuilds: {} }));
    const api = await givenPushes(t, declaring({ presets }));
    const { job } = await api.pushed("box", await commandSource(t), TERRAFORM);
    assert.match(job.error ?? "", /preset "p9": prebuilds\.instances is missing; and 490 more$/);
  });

  it("leaves the active version as it is, and the driver's reason in the log", async (t) => {
    let works = true;
    const importSource: Driver["importSource"] = async (_, { log }) => {
      log({ level: "info", stage: "plan", output: "Error: Unsupported block type" });
      return works ? { ok: true, presets: [], parameters: [] } : { ok: false, error: "terraform plan failed" };
    };
    const api = await givenPushes(t, { drivers: { terraform: givenDriver({ importSource }) } });
    await api.pushed("box", await commandSource(t), TERRAFORM);
    const before = await api.template("box");
    works = false;
    const { job, lines } = await api.pushed("box", await commandSource(t, "2"));
    assert.deepEqual([job.status, job.error], ["failed", "terraform plan failed"]);
    assert.deepEqual(lines, ["info Error: Unsupported block type", "error terraform plan failed"]);
    assert.deepEqual(await api.template("box"), before);
  });

  it("ends its job when the driver itself breaks, and when the worker has none for it", async (t) => {
    const importSource: Driver["importSource"] = () => Promise.reject(new Error("no space left on the device"));
    const api = await givenPushes(t, { drivers: { terraform: givenDriver({ importSource }) } });
    const broken = await api.pushed("box", await commandSource(t), TERRAFORM);
    assert.equal(broken.job.error, "no space left on the device");
    const foreign = await api.pushed("box", await commandSource(t), { provisioner: "command" });
    assert.match(foreign.job.error ?? "", /no worker can run command templates/);
  });
});
