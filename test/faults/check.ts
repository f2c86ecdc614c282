import type { Ledger } from "./ledger.ts";
import { findNamesGivenTwice } from "./ledger.ts";
import { isAsWished } from "./settle.ts";
import type { StoredWorkspace } from "./store.ts";
import type { Outside } from "./world.ts";

const SYSTEM_USER = "prebuilds";

/** What is wrong, once everything is quiet, between what was promised, what is stored and what is really there. */
export function findViolations(
  ledger: Ledger,
  stored: ReadonlyMap<string, StoredWorkspace>,
  outside: Outside,
): string[] {
  return [
    ...brokenPromises(ledger, stored),
    ...unasked(ledger, stored),
    ...[...stored.values()].flatMap((workspace) => differences(workspace, outside)),
    ...orphans(stored, outside),
  ];
}

/** Everybody has what an answer with 2xx said, and nobody has what somebody else was told to have. */
function brokenPromises(ledger: Ledger, stored: ReadonlyMap<string, StoredWorkspace>): string[] {
  const twice = findNamesGivenTwice(ledger).map((name) => `the request for ${name} was answered with two workspaces`);
  const broken = [...ledger.workspaces.values()].flatMap((promised) => {
    const workspace = stored.get(promised.id);
    if (!workspace) return [`workspace ${promised.id} of ${promised.user} is lost`];
    if (workspace.owner !== promised.user)
      return [`workspace ${promised.id} of ${promised.user} is ${workspace.owner}'s`];
    if (workspace.name !== promised.name && !workspace.deleted)
      return [`workspace ${promised.id} is called ${workspace.name}, not ${promised.name}`];
    if (!isAsWished(promised, workspace))
      return [`workspace ${promised.id} is to be ${promised.wish}: ${workspace.transition} ${workspace.status}`];
    return [];
  });
  return [...twice, ...broken];
}

/** Nobody has a workspace that they were not told of. */
function unasked(ledger: Ledger, stored: ReadonlyMap<string, StoredWorkspace>): string[] {
  return [...stored.values()]
    .filter(({ id, owner, deleted }) => !deleted && owner !== SYSTEM_USER && !ledger.workspaces.has(id))
    .map(({ id, owner, name }) => `${owner} has ${name} (${id}), of which nobody was told`);
}

/** What is there of one workspace is what the database says of it. */
function differences(workspace: StoredWorkspace, { things, machines }: Outside): string[] {
  const { id, owner, deleted, transition, status } = workspace;
  const thing = things.get(id);
  if (deleted) return thing ? [`workspace ${id} is deleted, and still there`] : [];
  if (status !== "succeeded") return [];
  if (!thing) return [`workspace ${id} (${transition}) is not there`];
  const isOn = thing.pid !== undefined && machines.has(thing.pid);
  if (isOn !== (transition === "start")) return [`workspace ${id} is ${isOn ? "on" : "off"} after a ${transition}`];
  return thing.owner === owner ? [] : [`workspace ${id} of ${owner} believes to be ${thing.owner}'s`];
}

/** Nothing is there that no workspace stands for, and nothing runs that nobody waits for. */
function orphans(stored: ReadonlyMap<string, StoredWorkspace>, { things, machines, executables }: Outside): string[] {
  const known = new Set([...things.values()].map(({ pid }) => pid));
  return [
    ...[...things.keys()].filter((id) => !stored.has(id)).map((id) => `what is there of ${id} is an orphan`),
    ...[...machines].filter((pid) => !known.has(pid)).map((pid) => `process ${pid} is an orphan`),
    ...executables.map((line) => `an executable is still running: ${line}`),
  ];
}
