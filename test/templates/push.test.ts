import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Driver, ImportResult } from "../../src/provisioner/driver.ts";
import { fingerprint } from "../http/fingerprint.ts";
import { givenTemplate } from "../http/world.ts";
import { givenDriver } from "../support/given.ts";
import { bodyOf, commandSource, ended, givenPushes, givenPushWorker, ORGANIZATION, push } from "./pushing.ts";

/** Drivers for whose sources this is what they declare. */
const declaring = (found: Partial<Extract<ImportResult, { ok: true }>>) => {
  const importSource: Driver["importSource"] = async () => ({ ok: true, presets: [], parameters: [], ...found });
  return { drivers: { terraform: givenDriver({ importSource }) } };
};
const TERRAFORM = { provisioner: "terraform" };

describe("a push to a template that is not there", () => {
  it("makes the template and its first version, with what the source declares", async (t) => {
    const parameters = [{ name: "size", options: [{ name: "Small", value: "small" }], default: "small" }];
    const schedule = [{ cron: "* 8-18 * * 1-5", instances: 3 }];
    const presets = [
      {
        name: "Small",
        default: true,
        parameters: { size: "small" },
        prebuilds: {
          instances: 1,
          expiration_policy: { ttl: 3_600 },
          scheduling: { timezone: "Europe/Berlin", schedule },
        },
      },
      { name: "Plain" },
    ];
    const api = await givenPushes(t, declaring({ presets, parameters }));
    const { job, lines } = await api.pushed("box", await commandSource(t), { ...TERRAFORM, message: "the first" });
    assert.equal(job.status, "succeeded", job.error ?? "");
    const template = await api.template("box");
    assert.deepEqual(
      [template.provisioner, template.active_version_id, template.created_by_name],
      ["terraform", job.input.template_version_id, "admin"],
    );
    const version = await api.get(`/api/v2/templateversions/${template.active_version_id}`);
    assert.equal(version.message, "the first");
    assert.deepEqual(
      (await api.presets("box")).map((preset: Record<string, unknown>) => [
        preset["name"],
        preset["default"],
        preset["desired_prebuild_instances"],
      ]),
      [
        ["Small", true, 1],
        ["Plain", false, null],
      ],
    );
    assert.equal((await api.parameters("box"))[0].name, "size");
    const [pool, ...others] = await api.get("/api/v2/prebuilds/pools");
    assert.deepEqual([pool.preset_name, pool.scheduling.timezone, others], ["Small", "Europe/Berlin", []]);
    assert.deepEqual(lines, [
      "info created template default/box",
      `info created template version default/box@${version.name}`,
      "info created preset default/box: Small",
      "info created preset default/box: Plain",
    ]);
  });

  it("makes one without presets of a source that declares nothing", async (t) => {
    const api = await givenPushes(t);
    const { job } = await api.pushed("box", await commandSource(t), { provisioner: "command" });
    assert.equal(job.status, "succeeded", job.error ?? "");
    assert.deepEqual([await api.presets("box"), await api.parameters("box")], [[], []]);
  });
});

describe("a push to a template that is there", () => {
  it("keeps what is said of the template, and all presets and parameters when the source declares none", async (t) => {
    const api = await givenPushes(t);
    const { source } = await bodyOf(await commandSource(t));
    const given = {
      name: "box",
      provisioner: "command",
      source,
      display_name: "Box",
      description: "For work",
      icon: "/x.svg",
      default_ttl: "8h",
      failure_ttl: "1h",
      parameters: [
        { name: "size", default: "small", validation: { regex: "^s", error: "must begin with s" } },
        { name: "cores", type: "number", validation: { min: 1, max: 8 }, mutable: false, description: "How many" },
      ],
      presets: [
        {
          name: "small",
          description: "Small",
          default: true,
          parameters: { size: "small", cores: "2" },
          prebuilds: {
            instances: 2,
            expiration_policy: { ttl: "1h" },
            scheduling: { timezone: "UTC", schedule: [{ cron: "* 9-17 * * *", instances: 4 }] },
          },
        },
        { name: "plain", parameters: { cores: "1" } },
      ],
    };
    const applied = await api.send("PUT", "/api/v2/apply", { as: api.admin, json: { templates: [given] } });
    assert.equal(applied.statusCode, 200, applied.body);
    // The API takes milliseconds, of which an apply file knows nothing.
    const changes = { default_ttl_ms: 90_500, deprecation_message: "use box-2" };
    const { id } = await api.template("box");
    const changed = await api.send("PATCH", `/api/v2/templates/${id}`, { as: api.admin, json: changes });
    assert.equal(changed.statusCode, 200, changed.body);
    const stored = async () => {
      const { active_version_id, active_version_name, updated_at, ...template } = await api.template("box");
      const presets = (await api.presets("box")).map(({ id, ...preset }: Record<string, unknown>) => preset);
      const { rows } = await api.pool.query(
        `select p.name, p.invalidate_after_secs, p.scheduling_timezone, s.cron_expression, s.desired_instances
         from template_version_presets p left join template_version_preset_prebuild_schedules s on s.preset_id = p.id
         where p.template_version_id = $1 order by p.name`,
        [active_version_id],
      );
      return { template, presets, rows, parameters: await api.parameters("box") };
    };
    const before = await stored();
    const active = (await api.template("box")).active_version_id;
    const { job, lines } = await api.pushed("box", await commandSource(t, "2"));
    assert.equal(job.status, "succeeded", job.error ?? "");
    assert.notEqual((await api.template("box")).active_version_id, active);
    assert.deepEqual(await stored(), before);
    assert.equal(lines[0], "info the source declares neither presets nor parameters: those of the active version stay");
  });

  it("replaces the presets by those that the source declares, so that a pool without its preset ends", async (t) => {
    let presets = [{ name: "a", prebuilds: { instances: 2 } }, { name: "b" }];
    const importSource: Driver["importSource"] = async () => ({ ok: true, presets, parameters: [] });
    const api = await givenPushes(t, { drivers: { terraform: givenDriver({ importSource }) } });
    await api.pushed("box", await commandSource(t), TERRAFORM);
    presets = [{ name: "a" }];
    await api.pushed("box", await commandSource(t));
    assert.deepEqual(
      (await api.presets("box")).map((preset: Record<string, unknown>) => [
        preset["name"],
        preset["desired_prebuild_instances"],
      ]),
      [["a", null]],
    );
  });

  it("changes nothing when the source is that of the active version, and says so", async (t) => {
    const api = await givenPushes(t, declaring({ presets: [{ name: "a", prebuilds: { instances: 1 } }] }));
    const source = await commandSource(t);
    const first = await api.pushed("box", source, TERRAFORM);
    const before = await fingerprint(api.pool);
    const { job, lines } = await api.pushed("BOX", source);
    assert.equal(job.input.template_version_id, first.job.input.template_version_id);
    assert.deepEqual(lines, ["info nothing has changed: this is the active version already"]);
    const after = await fingerprint(api.pool);
    const changed = Object.keys(after).filter((table) => after[table] !== before[table]);
    assert.deepEqual(changed, [
      "audit_logs",
      "finished_jobs",
      "provisioner_job_logs",
      "provisioner_jobs",
      "template_imports",
    ]);
  });

  it("activates an earlier version again when its source is pushed again", async (t) => {
    const api = await givenPushes(t);
    const [one, two] = [await commandSource(t, "1"), await commandSource(t, "2")];
    const first = await api.pushed("box", one, { provisioner: "command" });
    await api.pushed("box", two);
    const again = await api.pushed("box", one);
    assert.equal(again.job.input.template_version_id, first.job.input.template_version_id);
    assert.equal((await api.template("box")).active_version_id, first.job.input.template_version_id);
  });

  it("fails when the template has been deleted before a worker came to it", async (t) => {
    const api = await givenPushes(t, { concurrency: 0 });
    const { id } = await givenTemplate(api, "box");
    const job = await push(api, "box", await bodyOf(await commandSource(t)));
    await api.send("DELETE", `/api/v2/templates/${id}`, { as: api.admin });
    await givenPushWorker(t, api);
    assert.equal((await ended(api, job)).job.error, "template box has been deleted meanwhile; push it again");
    assert.equal((await api.send("GET", `${ORGANIZATION}/templates/box`, { as: api.admin })).statusCode, 404);
  });
});
