import { setTimeout as delay } from "node:timers/promises";
import { createRandom } from "../../src/prebuilds/world-events.fixture.ts";
import { packSource } from "../../src/templates/sources.ts";
import type { Answer } from "./client.ts";
import type { Cluster } from "./cluster.ts";
import { type Ledger, type Promised, promise } from "./ledger.ts";
import { type ActivePreset, readActivePresets } from "./store.ts";

/** How many ask for workspaces at once, and the pauses between two requests of one of them. */
const CLAIMERS = 5;
const PAUSES_MS = { claim: 250, change: 200, push: 2_500, invalidate: 3_000 } as const;
/** With more workspaces than this every change is a deletion. */
const MOST_WORKSPACES = 15;

/** Asks for, changes and deletes workspaces and pushes templates until the signal comes; the ledger says what was promised. */
export async function runLoad(
  cluster: Cluster,
  ledger: Ledger,
  given: { readonly seed: number; readonly signal: AbortSignal },
): Promise<void> {
  const random = createRandom(given.seed);
  const again = async (pauseMs: number, act: () => Promise<void>) => {
    while (!given.signal.aborted) {
      await act();
      await delay(pauseMs * (0.5 + random()), undefined, { signal: given.signal }).catch(() => {});
    }
  };
  const pick = <T>(from: readonly T[]): T | undefined => from[Math.floor(random() * from.length)];

  async function claim(): Promise<void> {
    const preset = pick(await activePresets(cluster));
    const user = pick([...cluster.users.keys()]);
    if (!preset || user === undefined) return;
    const name = `ws-${ledger.workspaces.size + ledger.open.size}-${Math.floor(random() * 1e9).toString(36)}`;
    ledger.open.set(name, { user, name, templateId: preset.templateId, presetId: preset.id });
    await ask(cluster, ledger, name);
    // Who got no answer asks again with the same key; who did may do so, too.
    const unanswered = pick([...ledger.open.keys()]);
    if (unanswered !== undefined && random() < 0.5) await ask(cluster, ledger, unanswered);
    else if (random() < 0.2) await ask(cluster, ledger, name);
  }

  async function change(): Promise<void> {
    const ours = [...ledger.workspaces.values()].filter(({ wish }) => wish !== "deleted");
    const workspace = pick(ours);
    if (!workspace) return;
    const chance = random();
    const wish = ours.length > MOST_WORKSPACES || chance < 0.5 ? "deleted" : chance < 0.75 ? "stopped" : "running";
    await askFor(cluster, ledger, workspace, wish);
  }

  async function push(): Promise<void> {
    const template = pick(cluster.templates);
    if (!template) return;
    await pushVersion(cluster, ledger, template, Math.floor(random() * 1e9).toString(36));
  }

  async function invalidate(): Promise<void> {
    const preset = pick(await activePresets(cluster));
    if (!preset) return;
    const path = `/templates/${preset.templateId}/prebuilds/invalidate`;
    expect(ledger, path, await cluster.client.send({ method: "POST", path, token: cluster.adminToken }), [200, 204]);
  }

  await Promise.all([
    ...Array.from({ length: CLAIMERS }, () => again(PAUSES_MS.claim, claim)),
    again(PAUSES_MS.change, change),
    again(PAUSES_MS.push, push),
    again(PAUSES_MS.invalidate, invalidate),
  ]);
}

/** Asks for a workspace, for the first time or again, with its name as the key. */
export async function ask(cluster: Cluster, ledger: Ledger, key: string): Promise<"answered" | "refused" | "open"> {
  const answeredBefore = ledger.answered.get(key);
  const wanted = answeredBefore ?? ledger.open.get(key);
  if (!wanted) return "answered";
  const path = "/organizations/default/members/me/workspaces";
  const answer = await cluster.client.send({
    method: "POST",
    path,
    key,
    token: cluster.users.get(wanted.user) ?? "",
    json: { name: wanted.name, template_id: wanted.templateId, template_version_preset_id: wanted.presetId },
  });
  // Its preset's version has been replaced. An earlier request with this key may still be under way.
  if (answer !== "no answer" && answer.status === 400 && isOutdated(answer.body)) {
    if (answeredBefore)
      ledger.violations.push(`the request for ${key} was answered with a workspace, and then refused`);
    return "refused";
  }
  if (!expect(ledger, path, answer, [201])) return "open";
  const { id, claimed } = answer.body as { id: string; claimed: boolean };
  promise(ledger, { id, user: wanted.user, name: wanted.name, claimed });
  ledger.open.delete(key);
  ledger.answered.set(key, wanted);
  return "answered";
}

const isOutdated = (body: unknown) => JSON.stringify(body).includes("is not a preset of the template version");

const TRANSITIONS = { deleted: "delete", stopped: "stop", running: "start" } as const;

/** Asks for a build of a workspace; when nothing or an error comes back, its owner goes on wanting it. */
export async function askFor(
  cluster: Cluster,
  ledger: Ledger,
  workspace: Promised,
  wish: Promised["wish"],
): Promise<void> {
  const path = `/workspaces/${workspace.id}/builds`;
  const answer = await cluster.client.send({
    method: "POST",
    path,
    token: cluster.users.get(workspace.user) ?? "",
    json: { transition: TRANSITIONS[wish] },
  });
  // Another build is under way, of another wish: this one is not heard.
  if (answer !== "no answer" && answer.status === 409) return;
  // It has been deleted by a request that was not answered.
  if (answer !== "no answer" && answer.status === 404 && workspace.wish === "deleted") return;
  workspace.wish = wish;
  expect(ledger, path, answer, [201]);
}

async function pushVersion(cluster: Cluster, ledger: Ledger, template: string, text: string): Promise<void> {
  const directory = await cluster.writeSource(text);
  const { hash, data } = await packSource(directory, "command");
  const path = `/organizations/default/templates/${template}/push`;
  const answer = await cluster.client.send({
    method: "POST",
    path,
    token: cluster.adminToken,
    json: { source: { hash, archive: data.toString("base64") } },
  });
  if (expect(ledger, path, answer, [202])) ledger.pushes.push((answer.body as { id: string }).id);
}

/** Whether the answer is a good one; errors of the server are to be expected here, refusals are not. */
function expect(
  ledger: Ledger,
  path: string,
  answer: Answer,
  good: readonly number[],
): answer is Exclude<Answer, string> {
  if (answer === "no answer") return false;
  if (good.includes(answer.status)) return true;
  if (answer.status < 500) ledger.violations.push(`${path} answered ${answer.status} ${JSON.stringify(answer.body)}`);
  return false;
}

/** The pools as they are; none while the database cannot say. */
async function activePresets(cluster: Cluster): Promise<readonly ActivePreset[]> {
  return readActivePresets(cluster.database).catch(() => []);
}
