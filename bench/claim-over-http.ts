import type { Agent } from "node:http";
import type pg from "pg";
import { createToken } from "../src/users/tokens/create.ts";
import { ask } from "./ask.ts";
import { uniqueName } from "./environment.ts";
import type { World } from "./world.ts";

/** Where to ask, and as whom. */
export type Asking = { readonly agent: Agent; readonly url: string; readonly token: string };

/**
 * Asks a daemon for a workspace and returns its id.
 * @throws when the answer is anything but a prebuild
 */
export async function claimOverHttp(asking: Asking, preset: World["presets"][number] | undefined): Promise<string> {
  const { status, body } = await ask({
    ...asking,
    method: "POST",
    path: "/api/v2/organizations/default/members/me/workspaces",
    json: { name: uniqueName(), template_id: preset?.templateId, template_version_preset_id: preset?.id },
  });
  const answer = status === 201 ? (JSON.parse(body) as { id?: string; claimed?: boolean }) : {};
  if (answer.claimed !== true || answer.id === undefined) throw new Error(`not claimed: ${status} ${body}`);
  return answer.id;
}

/** A token for each of some users of the world, so that not everything is asked for by one person. */
export function tokensOf(pool: pg.Pool, world: World, users: number): Promise<string[]> {
  return Promise.all(world.userIds.slice(0, users).map((userId) => createToken(pool, { userId, name: uniqueName() })));
}

/** @throws when a prebuild was given out twice */
export function demandAllDistinct(ids: readonly string[]): void {
  if (new Set(ids).size !== ids.length) throw new Error("a prebuild was given out twice");
}
