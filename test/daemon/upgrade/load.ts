import type { TestContext } from "node:test";
import { waitFor } from "../../support/wait-for.ts";
import type { Answer, Api } from "./api.ts";

/** What people do all the time: they ask for a workspace of `box`, and some stop and delete it. */
export type Load = {
  readonly answers: readonly Answer[];
  /** The answers to requests for workspaces. */
  readonly created: readonly Answer[];
  /** From now on these daemons are asked, in turn; the others have answered everything when it returns. */
  ask(...daemons: string[]): Promise<void>;
  /** Waits for so many more workspaces from each of the daemons that are asked. */
  goOn(each: number): Promise<void>;
  /** Begins nothing more, and waits until everybody has what they wanted. */
  end(): Promise<void>;
};

/** How often somebody comes, unless so many are there that nobody else does: a slow machine is not to be buried. */
const EVERY_MS = 300;
const MOST_PEOPLE = 3;
const MINUTE_MS = 60_000;

type Workspace = { readonly id: string; readonly latest_build: { readonly job: { readonly status: string } } };

/** Begins at once; templates and presets are those of the active version at each moment. */
export function startLoad(t: TestContext, api: Api, first: string): Load {
  const answers: Answer[] = [];
  const created: Answer[] = [];
  let daemons: readonly string[] = [first];
  let turn = 0;
  let stories = 0;
  const under = new Set<Promise<Answer>>();
  const present = new Set<Promise<void>>();

  const ask = async (method: string, path: string, json?: object): Promise<Answer> => {
    turn += 1;
    const asked = api(daemons[turn % daemons.length] ?? first, method, path, json).finally(() => under.delete(asked));
    under.add(asked);
    answers.push(await asked);
    return asked;
  };
  const built = (id: string) =>
    waitFor(
      `the build of ${id}`,
      async () => {
        const { latest_build } = (await ask("GET", `/workspaces/${id}`)).body as Workspace;
        return latest_build.job.status === "succeeded" || undefined;
      },
      { timeoutMs: MINUTE_MS, intervalMs: 200 },
    );

  async function story(n: number): Promise<void> {
    const template = await ask("GET", "/organizations/default/templates/box");
    const presets = await ask("GET", `/templateversions/${template.body["active_version_id"]}/presets`);
    const wanted = n % 4 === 0 ? "large" : "small";
    const preset = (presets.body as unknown as { id: string; name: string }[]).find(({ name }) => name === wanted);
    const answer = await ask("POST", "/organizations/default/members/me/workspaces", {
      name: `story-${n}`,
      // Its version, too: when another one becomes active meanwhile, this one is built, and nothing is refused.
      template_version_id: template.body["active_version_id"],
      template_version_preset_id: preset?.id,
    });
    created.push(answer);
    const id = String(answer.body["id"]);
    await built(id);
    if (n % 3 !== 0) return;
    for (const transition of ["stop", "delete"]) {
      await ask("POST", `/workspaces/${id}/builds`, { transition });
      if (transition === "stop") await built(id);
    }
  }

  const timer = setInterval(() => {
    if (present.size >= MOST_PEOPLE) return;
    stories += 1;
    const begun: Promise<void> = story(stories).finally(() => present.delete(begun));
    begun.catch(() => {}); // whoever waits for the end is told
    present.add(begun);
  }, EVERY_MS);
  t.after(() => clearInterval(timer));

  return {
    answers,
    created,
    async ask(...now) {
      daemons = now;
      await Promise.all(under.values());
    },
    async goOn(each) {
      const before = created.length;
      const enough = () => daemons.every((at) => created.slice(before).filter((one) => one.at === at).length >= each);
      await waitFor(`${each} workspaces from each of ${daemons}`, () => enough() || undefined, {
        timeoutMs: MINUTE_MS,
      });
    },
    async end() {
      clearInterval(timer);
      await Promise.all(present);
    },
  };
}
