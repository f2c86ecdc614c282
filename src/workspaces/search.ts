import { ProblemError } from "../errors.ts";
import { type BuildStatus, buildStatusSchema } from "./schema.ts";

/** What narrows a list of workspaces; all conditions must hold. */
export type WorkspaceFilter = {
  /** A username; `me` has been replaced by the caller's. */
  readonly owner?: string | undefined;
  /** Part of the workspace's name. */
  readonly name?: string | undefined;
  /** The name of the template. */
  readonly template?: string | undefined;
  /** The name of the organization. */
  readonly organization?: string | undefined;
  readonly status?: BuildStatus | undefined;
};

const KEYS = ["owner", "name", "template", "organization", "status"] as const;
type Key = (typeof KEYS)[number];

const isKey = (text: string): text is Key => (KEYS as readonly string[]).includes(text);

function refuse(detail: string): never {
  throw new ProblemError("invalid", "the request is not valid", { validations: [{ field: "q", detail }] });
}

/**
 * Reads a search such as `owner:me name:build status:running`; a word without a key is part of a name, and
 * `owner/name` names one workspace.
 * @throws ProblemError that names what it does not know.
 */
export function parseSearch(text: string): WorkspaceFilter {
  const found: Partial<Record<Key, string>> = {};
  const take = (key: Key, value: string) => {
    if (found[key] !== undefined) refuse(`${key} is given twice`);
    found[key] = value;
  };
  for (const [, key, quoted, plain] of text.matchAll(/(?:([^\s:"]+):)?(?:"([^"]*)"|(\S+))/g)) {
    const value = quoted ?? plain ?? "";
    if (key === undefined) {
      const [owner, name, ...rest] = value.split("/");
      if (name === undefined) take("name", value);
      else if (rest.length > 0 || !owner || !name) refuse(`${JSON.stringify(value)} is not owner/name`);
      else {
        take("owner", owner);
        take("name", name);
      }
    } else if (isKey(key.toLowerCase())) take(key.toLowerCase() as Key, value);
    else refuse(`there is no filter ${JSON.stringify(key)}; use ${KEYS.join(", ")}`);
  }
  const { status, ...rest } = found;
  if (status === undefined) return rest;
  const known = buildStatusSchema.safeParse(status);
  if (!known.success)
    refuse(`there is no status ${JSON.stringify(status)}; use ${buildStatusSchema.options.join(", ")}`);
  return { ...rest, status: known.data };
}

/** Joins the parameters of a query with its search, in which the caller may be called `me`. */
export function filterOf(
  query: WorkspaceFilter & { readonly q?: string | undefined },
  caller: { readonly username: string },
): WorkspaceFilter {
  const { q, ...given } = query;
  const fromSearch = q === undefined ? {} : parseSearch(q);
  const filter: WorkspaceFilter = { ...fromSearch, ...definedOnly(given) };
  return filter.owner === "me" ? { ...filter, owner: caller.username } : filter;
}

function definedOnly(filter: WorkspaceFilter): WorkspaceFilter {
  const { owner, name, template, organization, status } = filter;
  return Object.fromEntries(
    Object.entries({ owner, name, template, organization, status }).filter(([, value]) => value !== undefined),
  );
}
