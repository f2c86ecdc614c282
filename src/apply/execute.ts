import { randomUUID } from "node:crypto";
import type pg from "pg";
import { z } from "zod";
import type { Actor } from "../audit/entry.ts";
import { insertAuditEntries } from "../audit/store.ts";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { databaseErrorOf, ProblemError } from "../errors.ts";
import { recomputeLifecycle } from "../lifecycle/recompute-store.ts";
import { logRecomputed, type Recomputed } from "../lifecycle/recomputed.ts";
import { auditEntriesOf } from "./audit.ts";
import type { ApplyDocument } from "./document.ts";
import { type ApplyPlan, planApply } from "./plan.ts";
import type { State, TemplateRow } from "./state.ts";
import {
  hasActiveOwner,
  lockApply,
  readState,
  writeFiles,
  writeMembers,
  writeOrganizations,
  writePresets,
  writeUsers,
  writeVersions,
} from "./store.ts";
import { finishTemplates, insertTemplates, writeDeclarations } from "./template-store.ts";
import { versionNameOf } from "./version-name.ts";

/** What applying a document did, object by object. */
export const applyResult = z.object({
  changed: z.boolean(),
  objects: z.array(
    z.object({
      kind: z.enum(["organization", "user", "member", "template", "template_version", "preset"]),
      id: z.string(),
      name: z.string(),
      change: z.enum(["created", "updated", "unchanged"]),
      settings: z.array(z.string()),
    }),
  ),
});

export type ApplyResult = z.infer<typeof applyResult>;

/** Who applies a document. */
type Applicant = {
  /** Whose the new templates, versions and files are. */
  readonly initiatorId: string;
  /** Who the audit log says has changed what changed. */
  readonly actor: Actor;
  /** What is said of the new versions. */
  readonly message?: string;
};

/** What was written, of which others have to hear once it is committed. */
type Applied = Pick<ApplyPlan, "objects"> & {
  readonly recomputed: readonly { readonly name: string; readonly counts: Recomputed }[];
};

/**
 * Makes the database say what the document says, all of it or, if anything is wrong, nothing. Applying a document
 * again writes nothing. What the document does not name is left alone.
 * @throws ProblemError that names every part of the document that this database cannot take.
 */
export async function applyDocument(context: Context, document: ApplyDocument, by: Applicant): Promise<ApplyResult> {
  const applied = await withTransaction(context.pool, BEGIN.readWrite, (client) =>
    applyWithin(context, client, document, by),
  );
  return announceApplied(context, applied);
}

/** What `applyDocument` does, as a part of the caller's transaction; to be announced once that is committed. */
export async function applyWithin(
  context: Context,
  client: pg.PoolClient,
  document: ApplyDocument,
  { initiatorId, actor, message = "" }: Applicant,
): Promise<Applied> {
  const versionNames = document.templates.map(versionNameOf);
  const sources = new Map(document.templates.map(({ source }) => [source.hash, source]));
  try {
    await lockApply(client);
    const state = await readState(client, document, versionNames);
    const planned = planApply(document, state, { newId: randomUUID, versionNames });
    if (planned.problems.length > 0) {
      throw new ProblemError("conflict", "the document does not fit this deployment; nothing was changed", {
        validations: planned.problems,
      });
    }
    const now = context.clock.now();
    const write = { by: initiatorId, now };
    const needed = [...new Set(planned.versions.map(({ fileHash }) => fileHash))];
    await writeOrganizations(client, planned.organizations, now);
    await writeUsers(client, planned.users, now);
    if (planned.users.update.length > 0 && !(await hasActiveOwner(client))) throw noOwnerLeft();
    await writeMembers(client, planned.members, now);
    await insertTemplates(client, planned.templates.insert, write);
    await writeFiles(client, [...needed.flatMap((hash) => sources.get(hash) ?? [])], write);
    await writeVersions(client, planned.versions, { ...write, message });
    await writeDeclarations(client, planned.declarations);
    await writePresets(client, planned, now);
    await finishTemplates(client, planned.templates, now);
    const recomputed = await recomputeWorkspaces(client, state, planned.templates.update, now);
    await insertAuditEntries(client, actor, auditEntriesOf(state, planned), now);
    return { objects: planned.objects, recomputed };
  } catch (error) {
    throw conflictOf(error) ?? error;
  }
}

/** Tells those who wait for changes what has been applied and committed. */
export function announceApplied(context: Context, { objects, recomputed }: Applied): ApplyResult {
  const changed = objects.some(({ change }) => change !== "unchanged");
  if (changed) context.wake.pools();
  for (const { name, counts } of recomputed) logRecomputed(context.log, name, counts);
  return { changed, objects: objects.map((object) => ({ ...object, settings: [...object.settings] })) };
}

/** Makes the workspaces of templates follow what has changed about these. */
async function recomputeWorkspaces(
  client: pg.PoolClient,
  { templates }: State,
  changed: readonly TemplateRow[],
  now: Date,
): Promise<{ name: string; counts: Recomputed }[]> {
  const recomputed = [];
  for (const { id: templateId, name, lifecycle: after } of changed) {
    const before = templates.find(({ id }) => id === templateId)?.lifecycle ?? after;
    recomputed.push({ name, counts: await recomputeLifecycle(client, { templateId, before, after, now }) });
  }
  return recomputed;
}

const noOwnerLeft = () =>
  new ProblemError(
    "conflict",
    "the document leaves no active owner; nothing was changed. Give somebody the role owner",
  );

/** Somebody else's change may take a name between our look and our write; the one who applies can simply try again. */
function conflictOf(error: unknown): ProblemError | undefined {
  const cause = databaseErrorOf(error);
  if (cause?.code !== "23505") return undefined;
  const options = cause.detail === undefined ? { cause } : { cause, detail: cause.detail };
  return new ProblemError("conflict", "somebody else took a name at the same time; nothing was changed", options);
}
