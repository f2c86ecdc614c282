import { ProblemError } from "../errors.ts";
import { searchWords } from "../search-words.ts";
import { isUuid } from "../uuid.ts";
import { type BuildStatus, buildStatusSchema } from "./schema.ts";

/** What narrows a list of workspaces; all conditions must hold. */
export type WorkspaceFilter = {
  /** A username; `me` has been replaced by the caller's. */
  readonly owner?: string | undefined;
  /** Who asked for the latest build, like the owner. */
  readonly initiator?: string | undefined;
  /** Part of the workspace's name. */
  readonly name?: string | undefined;
  /** The name of the template. */
  readonly template?: string | undefined;
  /** The name of the organization. */
  readonly organization?: string | undefined;
  readonly status?: BuildStatus | undefined;
  readonly dormant?: boolean | undefined;
  /** One of these workspaces. */
  readonly ids?: readonly string[] | undefined;
};

/** What can be asked for in a search, and as a parameter of its own. */
const FILTERS = ["owner", "initiator", "name", "template", "organization", "status", "dormant", "id"] as const;
type Key = (typeof FILTERS)[number];

/** The conditions as they are written, each key with its text. */
type Written = Partial<Readonly<Record<Key, string | undefined>>>;

const isKey = (text: string): text is Key => (FILTERS as readonly string[]).includes(text);

function refuse(field: string, detail: string): never {
  throw new ProblemError("invalid", "the request is not valid", { validations: [{ field, detail }] });
}

/**
 * Takes apart a search such as `owner:me name:build status:running`; a word without a key is part of a name, and
 * `owner/name` names one workspace.
 * @throws ProblemError that names what it does not know.
 */
export function parseSearch(text: string): Written {
  const found: Partial<Record<Key, string>> = {};
  const take = (key: Key, value: string) => {
    if (found[key] !== undefined) refuse("q", `${key} is given twice`);
    found[key] = value;
  };
  for (const { key, value } of searchWords(text)) {
    if (key === undefined) {
      const [owner, name, ...rest] = value.split("/");
      if (name === undefined) take("name", value);
      else if (rest.length > 0 || !owner || !name) refuse("q", `${JSON.stringify(value)} is not owner/name`);
      else {
        take("owner", owner);
        take("name", name);
      }
    } else if (isKey(key)) take(key, value);
    else refuse("q", `there is no filter ${JSON.stringify(key)}; use ${FILTERS.join(", ")}`);
  }
  return found;
}

/**
 * Joins the parameters of a query, which count for more, with its search. The caller may be called `me`.
 * @throws ProblemError that names what it does not know.
 */
export function filterOf(
  { q, ...given }: Written & { readonly q?: string | undefined },
  caller: { readonly username: string },
): WorkspaceFilter {
  const fromSearch = q === undefined ? {} : parseSearch(q);
  const inSearch = (key: Key) => given[key] === undefined && fromSearch[key] !== undefined;
  const written = (key: Key) => given[key] ?? fromSearch[key];
  const person = (key: "owner" | "initiator") => (written(key) === "me" ? caller.username : written(key));
  const read = <T>(key: Key, parse: (text: string) => T | undefined, detail: (text: string) => string) => {
    const text = written(key);
    if (text === undefined) return undefined;
    return parse(text) ?? refuse(inSearch(key) ? "q" : key, detail(text));
  };
  return {
    owner: person("owner"),
    initiator: person("initiator"),
    name: written("name"),
    template: written("template"),
    organization: written("organization"),
    status: read(
      "status",
      (text) => buildStatusSchema.safeParse(text).data,
      (text) => `there is no status ${JSON.stringify(text)}; use ${buildStatusSchema.options.join(", ")}`,
    ),
    dormant: read("dormant", flagOf, (text) => `dormant is true or false, not ${JSON.stringify(text)}`),
    ids: read("id", idsOf, () => "id is the id of a workspace, or several with commas between them"),
  };
}

const FLAGS: Readonly<Record<string, boolean>> = { true: true, false: false };
const flagOf = (text: string): boolean | undefined => (Object.hasOwn(FLAGS, text) ? FLAGS[text] : undefined);

function idsOf(text: string): string[] | undefined {
  const ids = text.split(",");
  return ids.every(isUuid) ? ids : undefined;
}
