import { isUuid } from "../uuid.ts";
import type { TokenScope } from "./decide.ts";
import { permissionProblem } from "./permission.ts";
import { ANY, actionsOf } from "./policy.ts";

/** What a token is limited to, as it is written: `all`, `type:action` or `type:*`; and `type:id`, where either may be `*`. */
export type WrittenScope = { readonly scopes: readonly string[]; readonly allowList: readonly string[] };

/** A token without limits of its own. */
export const UNLIMITED: WrittenScope = { scopes: ["all"], allowList: ["*:*"] };

/** A type of thing, and one of its actions or ids; `*` stands for every one. */
type Pair = readonly [type: string, one: string];

function pairOf(text: string): Pair {
  const at = text.indexOf(":");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

const scopePair = (text: string): Pair => (text === "all" ? [ANY, ANY] : pairOf(text));
// PostgreSQL writes ids in small letters.
const thingPair = (text: string): Pair => pairOf(text.toLowerCase());

/** What is wrong with a scope as written, in a sentence; undefined when nothing is. */
export function scopeProblem(text: string): string | undefined {
  if (text === "all") return undefined;
  const [resource_type, action] = pairOf(text);
  if (resource_type === ANY || action === "") return "must be `all`, type:action or type:*, such as workspace:read";
  return permissionProblem({ negate: false, resource_type, action });
}

/** What is wrong with an entry of an allow list, in a sentence; undefined when nothing is. */
export function allowListProblem(text: string): string | undefined {
  const [type, id] = thingPair(text);
  if (id !== ANY && !isUuid(id)) return "must be type:id, with a UUID as id and `*` for all types or all ids";
  return type === ANY || actionsOf(type) ? undefined : `there is no resource type ${JSON.stringify(type)}`;
}

/** Reads what limits a token. What is not known, because another version wrote it, allows nothing. */
export function readScope({ scopes, allowList }: WrittenScope): TokenScope {
  const site = scopes
    .filter((text) => scopeProblem(text) === undefined)
    .map(scopePair)
    .map(([resource_type, action]) => ({ negate: false, resource_type, action }));
  const things = allowList
    .filter((text) => allowListProblem(text) === undefined)
    .map(thingPair)
    .map(([type, id]) => ({ type, id }));
  return { role: { name: "token", site, user: [] }, allowList: things };
}

/**
 * Whether a token to be made reaches no further than the one in hand: each of its words is one of that token's, or one
 * that a `*` of that token stands for. So `workspace:*` is not within a list of today's actions on workspaces.
 */
export function isWithin(wanted: WrittenScope, held: TokenScope): boolean {
  const scopes = held.role.site.map(({ resource_type, action }): Pair => [resource_type, action]);
  const things = held.allowList.map(({ type, id }): Pair => [type, id]);
  return (
    wanted.scopes.map(scopePair).every((pair) => scopes.some((one) => covers(one, pair))) &&
    wanted.allowList.map(thingPair).every((pair) => things.some((one) => covers(one, pair)))
  );
}

const covers = (outer: Pair, inner: Pair): boolean =>
  outer.every((word, place) => word === ANY || word === inner[place]);
