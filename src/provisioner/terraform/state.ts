/** An instance of a resource as Terraform's state has it; only what is read here. */
type StateInstance = {
  readonly index_key?: unknown;
  readonly deposed?: unknown;
  readonly attributes?: unknown;
};

type StateResource = {
  readonly module?: unknown;
  readonly mode?: unknown;
  readonly type?: unknown;
  readonly name?: unknown;
  readonly instances: readonly StateInstance[];
};

/** What Terraform knows to exist. All that is not named here is kept as it is. */
export type State = {
  readonly version: number;
  /** Grows with every change; comparable within a lineage. */
  readonly serial: number;
  /** The same in all states that came from one first state. */
  readonly lineage: string;
  readonly resources: readonly StateResource[];
};

/** Reads a state; undefined when it is none, or one of a format that this is not made for. */
export function parseState(bytes: Uint8Array): State | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return isState(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the state says that something exists. */
export function hasResources(state: State): boolean {
  return state.resources.some(({ mode, instances }) => mode === "managed" && instances.length > 0);
}

/** What a build starts from. */
export type StartingState = {
  /** The state, or null when there is none yet. */
  readonly state: Buffer | null;
  /** Whether it is what an attempt that died has left, which the database does not know. */
  readonly adopted: boolean;
  /** What exists by the state that was left and does not by the one that is started from. */
  readonly orphans: State | null;
};

/**
 * Decides between the state of the database and one that an attempt which died has left in the workspace's directory.
 * What was left counts when the database has nothing, or an earlier state of the same lineage.
 * @param left.kept that very state was stored once, so that all which came after it went on from there
 */
export function chooseState(
  stored: Buffer | null,
  { state: left, kept }: { readonly state: Buffer | null; readonly kept: boolean },
): StartingState {
  const leftState = left ? parseState(left) : undefined;
  if (!left || !leftState) return { state: stored, adopted: false, orphans: null };
  const storedState = stored ? parseState(stored) : undefined;
  const further = !storedState || (storedState.lineage === leftState.lineage && storedState.serial < leftState.serial);
  if (further) return { state: left, adopted: true, orphans: null };
  return { state: stored, adopted: false, orphans: kept ? null : orphansOf(leftState, storedState) };
}

/**
 * Decides what of left states is to be destroyed when no build is there that could go on from them: all that the stored
 * state does not know, also of a further one. What two of them know is named once.
 * @returns undefined when the stored state cannot be read, and so does not say what it knows
 */
export function unknownTo(
  stored: Buffer | null,
  lefts: readonly { readonly state: Buffer | null; readonly kept: boolean }[],
): readonly State[] | undefined {
  let known: Pick<State, "resources"> | undefined = stored ? parseState(stored) : { resources: [] };
  if (!known) return undefined;
  const unknown: State[] = [];
  for (const { state, kept } of lefts) {
    const left = state ? parseState(state) : undefined;
    if (!left) continue;
    const orphans = kept ? null : orphansOf(left, known);
    if (orphans) unknown.push(orphans);
    known = { resources: [...known.resources, ...left.resources] };
  }
  return unknown;
}

/** The addresses of what a state says to exist, without the keys of their instances. */
export function addressesIn(state: State): string[] {
  return managed(state).map(({ module, type, name }) =>
    [module, type, name].filter((part) => part !== undefined).join("."),
  );
}

/** What of the left state the chosen one does not know, as a state of its own; null when that is nothing. */
export function orphansOf(left: State, chosen: Pick<State, "resources">): State | null {
  const known = new Set(
    managed(chosen).flatMap((resource) => resource.instances.map((instance) => nameOf(resource, instance))),
  );
  const resources = managed(left)
    .map((resource) => ({
      ...resource,
      instances: resource.instances.filter((instance) => !known.has(nameOf(resource, instance))),
    }))
    .filter(({ instances }) => instances.length > 0);
  return resources.length === 0 ? null : { ...left, resources, ...{ outputs: {}, check_results: null } };
}

/** An agent of a workspace, by which it shows that it is itself. */
export type AgentIdentity = { readonly id: string; readonly token: string };

/** The agents that a state holds: their names, and who they are. */
export function agentsOf(state: State | undefined): (AgentIdentity & { readonly name: string })[] {
  return managed(state ?? { resources: [] })
    .filter(({ type }) => type === "coder_agent")
    .flatMap(({ name, instances }) =>
      instances.flatMap(({ attributes }) => {
        const { id, token } = isObject(attributes) ? attributes : {};
        return typeof id === "string" && typeof token === "string" ? [{ name: String(name), id, token }] : [];
      }),
    );
}

function managed({ resources }: Pick<State, "resources">): readonly StateResource[] {
  return resources.filter(({ mode }) => mode === "managed");
}

/** The same for the same real thing: its address, and the id that its provider has given it. */
function nameOf({ module, type, name }: StateResource, { index_key, attributes }: StateInstance): string {
  const id = isObject(attributes) ? attributes["id"] : undefined;
  return JSON.stringify([module ?? null, type, name, index_key ?? null, id ?? null]);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/** The format of all releases since 0.12. */
const VERSION = 4;

function isState(value: unknown): value is State {
  return (
    isObject(value) &&
    value["version"] === VERSION &&
    Number.isSafeInteger(value["serial"]) &&
    typeof value["lineage"] === "string" &&
    Array.isArray(value["resources"]) &&
    value["resources"].every((resource) => isObject(resource) && Array.isArray(resource["instances"]))
  );
}
