import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { mkdir, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import type { Context } from "../../src/context.ts";
import { createLogger } from "../../src/log.ts";
import { runPass } from "../../src/prebuilds/reconcile.ts";
import type { BuildRequest } from "../../src/provisioner/driver.ts";
import { readLatestJob } from "../../src/provisioner/leftover-store.ts";
import { createSweep } from "../../src/provisioner/leftovers.ts";
import { readJob } from "../../src/provisioner/store.ts";
import { createTerraformDriver } from "../../src/provisioner/terraform/driver.ts";
import { noteStored } from "../../src/provisioner/terraform/state-files.ts";
import { queueBuild } from "../../src/workspaces/builds.ts";
import { givenContext, givenDriver, givenPool, givenWorker, settled } from "../support/given.ts";
import { binary, needsTerraform } from "../support/terraform.ts";
import { waitFor } from "../support/wait-for.ts";
import { makeDirectory, recordingContext, requestFor } from "./command-template.ts";
import {
  errorOf,
  givenTemplate,
  makeSource,
  namesIn,
  printed,
  recordingBuild,
  stateOf,
  thing,
} from "./terraform-template.ts";

const never = new AbortController().signal;

/** An attempt whose state is stored before it begins and then never again, as if its machine had gone. */
function dying(template: Pick<Awaited<ReturnType<typeof givenTemplate>>, "build">, over: Partial<BuildRequest>) {
  const answers = [true];
  return template.build(over, { ...recordingBuild(), keepState: async () => answers.pop() ?? false });
}

/** Records what is logged, from info on. */
function recordingLog() {
  const lines: { level: string; msg: string }[] = [];
  const log = createLogger("info", { write: (line) => void lines.push(JSON.parse(line)) });
  return { log, told: (level: string) => lines.filter((line) => line.level === level).map(({ msg }) => msg) };
}

/** A workspace of a terraform template with one build that waits; and a machine that has something left of it. */
async function givenWorkspace(t: TestContext, source: (outside: string) => string) {
  const context = await givenContext(t);
  await givenPool(context, { desired: 1 });
  await context.pool.query("update templates set provisioner = 'terraform'");
  await runPass(context, never);
  await context.pool.query("update provisioner_jobs set provisioner = 'terraform'");
  const { rows } = await context.pool.query<{ id: string; owner_id: string }>("select id, owner_id from workspaces");
  const { id: workspaceId = "", owner_id: ownerId = "" } = rows[0] ?? {};
  const outside = await makeDirectory(t);
  const template = await givenTemplate(t, source(outside), { leftoverAgeMs: 0 });
  const { log, told } = recordingLog();
  const runner = { requestOf: async () => requestOf(context, workspaceId, template.sourceDir) };
  return {
    ...template,
    context,
    workspaceId,
    ownerId,
    outside,
    runDir: join(template.dataDir, "terraform", "workspaces", workspaceId),
    made: () =>
      readdirSync(outside)
        .map((name) => name.split("-")[0])
        .toSorted(),
    request: () => requestOf(context, workspaceId, template.sourceDir),
    sweep: createSweep({ ...context, log }, { drivers: { terraform: template.driver }, runner }),
    told,
  };
}

async function requestOf(context: Context, workspaceId: string, sourceDir: string): Promise<BuildRequest> {
  const latest = await readLatestJob(context.pool, workspaceId);
  const job = latest && (await readJob(context.pool, latest.jobId));
  assert.ok(job);
  return { ...job.request, sourceDir, workspaceDir: "/nonexistent" };
}

/** Lets another machine do all that is to be done, with this source. */
async function buildElsewhere(t: TestContext, context: Context, sourceDir: string) {
  const driver = createTerraformDriver({ binary, dataDir: await makeDirectory(t), inherit: [] });
  const worker = givenWorker(t, context, { drivers: { terraform: driver }, sourceOf: async () => sourceDir });
  await settled(context);
  await worker.drain(1_000);
}

describe("what an attempt has left on a machine", needsTerraform, () => {
  test("is destroyed there when the next build ran elsewhere, and nothing that the stored state knows is", async (t) => {
    const given = await givenWorkspace(t, (outside) => thing("home", outside) + thing("disk", outside));
    const { context, workspaceId, ownerId, outside } = given;
    await buildElsewhere(t, context, await makeSource(t, thing("home", outside)));
    const died = await dying(given, await given.request());
    assert.deepEqual(namesIn(stateOf(died.result)), ["disk", "home"]);
    await queueBuild(context, { workspaceId, transition: "start", initiatorId: ownerId });
    await buildElsewhere(t, context, given.sourceDir);
    assert.deepEqual(given.made(), ["disk", "disk", "home"]);

    await given.sweep(never);
    const { state } = await given.request();
    const resources: { name: string; instances: { attributes: { id: string } }[] }[] = JSON.parse(`${state}`).resources;
    const known = resources.map(({ name, instances }) => `${name}-${instances[0]?.attributes.id}`);
    assert.deepEqual(readdirSync(outside).toSorted(), known.toSorted());
    assert.ok(!existsSync(given.runDir));
    assert.ok(!existsSync(`${given.runDir}.orphans`));
    const text = `what a build had left in ${given.runDir} was removed, after terraform_data.disk had been destroyed`;
    assert.deepEqual([given.told("info"), given.told("warn")], [[text], []]);
  });

  test("is left to a build that is under way or waits", async (t) => {
    const given = await givenWorkspace(t, (outside) => thing("home", outside));
    await dying(given, await given.request());
    await given.sweep(never);
    assert.deepEqual(given.made(), ["home"]);
    assert.ok(existsSync(given.runDir));
    await given.context.pool.query("update provisioner_jobs set completed_at = now(), error = 'x'");
    await given.sweep(never);
    assert.deepEqual(given.made(), []);
  });

  test("stays when it cannot be destroyed, and the next look removes it", async (t) => {
    const given = await givenWorkspace(t, (outside) => thing("home", outside, `[ -e ${outside}.go ]`));
    t.after(() => rm(`${given.outside}.go`, { force: true }));
    await dying(given, await given.request());
    await given.context.pool.query("update provisioner_jobs set completed_at = now(), error = 'x'");
    await given.sweep(never);
    assert.deepEqual(given.made(), ["home"]);
    assert.ok(existsSync(given.runDir));
    assert.match(given.told("warn").join(), new RegExp(`left in ${given.runDir} could not be removed; .* by hand`));
    await writeFile(`${given.outside}.go`, "");
    await given.sweep(never);
    assert.deepEqual(given.made(), []);
    assert.ok(!existsSync(given.runDir));
  });

  test("of a workspace that the database does not know is not touched, and said to be there once", async (t) => {
    const given = await givenWorkspace(t, (outside) => thing("home", outside));
    await dying(given, requestFor(given.sourceDir));
    const path = join(given.dataDir, "terraform", "workspaces", requestFor("").workspace.id);
    await given.sweep(never);
    await given.sweep(never);
    assert.deepEqual(given.made(), ["home"]);
    assert.ok(existsSync(join(path, "terraform.tfstate")));
    const [text = "", ...more] = given.told("warn");
    assert.ok(text.startsWith(`${path} is left alone: this database has no such workspace`));
    assert.deepEqual(more, []);
  });
});

describe("a driver that clears what an attempt has left", needsTerraform, () => {
  const free = { ...recordingContext(), isFree: async () => true };

  async function givenLeft(t: TestContext, destroy = "true") {
    const outside = await makeDirectory(t);
    const template = await givenTemplate(t, thing("home", outside, destroy), { leftoverAgeMs: 0 });
    const { result } = await dying(template, {});
    const made = () => readdirSync(outside).length;
    return { ...template, state: stateOf(result), made, clear: template.driver.clearLeftover ?? assert.fail() };
  }

  test("destroys nothing of a state that was stored once", async (t) => {
    const left = await givenLeft(t);
    await noteStored(left.runDir, left.state);
    assert.deepEqual(await left.clear(requestFor(left.sourceDir), free), []);
    assert.equal(left.made(), 1);
    assert.ok(!existsSync(left.runDir));
  });

  test("leaves all as it is when a build has begun, or when it cannot read what is there or what is stored", async (t) => {
    const left = await givenLeft(t);
    const request = requestFor(left.sourceDir);
    assert.equal(await left.clear(request, { ...free, isFree: async () => false }), undefined);
    const garbage = { ...request, state: Buffer.from("garbage") };
    await assert.rejects(left.clear(garbage, free), /its stored state cannot be read/);
    await writeFile(join(left.runDir, "terraform.tfstate"), '{"version": 4, "ser');
    await assert.rejects(left.clear(request, free), /the state there cannot be read: see what it names/);
    assert.equal(left.made(), 1);
    assert.ok(existsSync(left.runDir));
  });

  test("makes a build of that workspace wait, and only of that one", async (t) => {
    const go = join(await makeDirectory(t), "go");
    const left = await givenLeft(t, `touch ${go}.begun; while [ ! -e ${go} ]; do sleep 0.05; done; true`);
    const clearing = left.clear(requestFor(left.sourceDir), free);
    await waitFor("the destruction to begin", () => existsSync(`${go}.begun`));
    const context = recordingBuild();
    const building = left.build({}, context);
    const stop = new AbortController();
    const impatient = left.build({}, recordingBuild(stop.signal));
    stop.abort("canceled");
    assert.match(errorOf((await impatient).result), /canceled before it began/);
    const other = { ...requestFor("").workspace, id: randomUUID() };
    assert.equal(errorOf((await left.build({ workspace: other })).result), "");
    assert.match(printed(context.lines), /^waiting until other work on what this workspace has here has ended$/);
    await writeFile(go, "");
    assert.deepEqual(await clearing, ["terraform_data.home"]);
    const { result, lines } = await building;
    assert.deepEqual(namesIn(stateOf(result)), ["home"]);
    assert.doesNotMatch(printed(lines), /died/, "nothing was left for it to find");
  });

  test("waits for a build of that workspace, which leaves it nothing", async (t) => {
    const left = await givenLeft(t);
    const gate = Promise.withResolvers<void>();
    const context = recordingBuild();
    const commitCost = async () => {
      context.log({ level: "info", stage: "test", output: "waiting" });
      await gate.promise;
      return undefined;
    };
    const building = left.build({}, { ...context, commitCost });
    await waitFor("the build to run", () => printed(context.lines, "test"));
    const clearing = left.clear(requestFor(left.sourceDir), free);
    gate.resolve();
    assert.equal(errorOf((await building).result), "");
    assert.equal(await clearing, undefined);
    assert.equal(left.made(), 1, "the build went on with what was there");
  });

  test("names only what has rested, and throws away old imports", async (t) => {
    const dataDir = await makeDirectory(t);
    const { driver } = await givenTemplate(t, "", { dataDir });
    const make = async (path: string, ageMinutes: number) => {
      const at = new Date(Date.now() - 60_000 * ageMinutes);
      await mkdir(join(dataDir, "terraform", path), { recursive: true });
      for (const part of [join(path, "f"), path]) {
        if (part !== path) await writeFile(join(dataDir, "terraform", part), "");
        await utimes(join(dataDir, "terraform", part), at, at);
      }
    };
    assert.deepEqual(await driver.leftovers?.(), [], "also where nothing was ever built");
    const [old, young, half] = [randomUUID(), randomUUID(), randomUUID()];
    await make(`workspaces/${old}.orphans`, 11);
    await make(`workspaces/${young}`, 9);
    await make(`workspaces/${half}`, 11);
    await make(`workspaces/${half}.orphans`, 9);
    await make("workspaces/lost+found", 11);
    await make("imports/old", 61);
    await make("imports/young", 59);
    const path = join(dataDir, "terraform", "workspaces", old);
    assert.deepEqual(await driver.leftovers?.(), [{ workspaceId: old, path }]);
    assert.deepEqual(readdirSync(join(dataDir, "terraform", "imports")), ["young"]);
  });
});

test("a worker looks for what is left some time after its start, only where builds run, until it is drained", async (t) => {
  const context = await givenContext(t);
  const looked: string[] = [];
  const driver = (name: string) =>
    givenDriver({
      async leftovers() {
        looked.push(name);
        return [];
      },
    });
  const late = givenWorker(t, context, { driver: driver("late") });
  const none = givenWorker(t, context, { driver: driver("none"), concurrency: 0, sweepAfterMs: 0 });
  const soon = givenWorker(t, context, { driver: driver("soon"), sweepAfterMs: 1 });
  await waitFor("a look", () => looked.length > 0);
  for (const worker of [late, none, soon]) await worker.drain(1_000);
  assert.deepEqual(looked, ["soon"]);
});
