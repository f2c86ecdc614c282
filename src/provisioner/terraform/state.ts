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
  /** With its source in quotes, behind the module that configures it. */
  readonly provider?: unknown;
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

/** What an attempt that did not end in order has left as its state. */
export type LeftState = {
  readonly state: Buffer | null;
  /** That very state was stored once, so that all which came after it went on from there. */
  readonly kept: boolean;
  /** It went on from what is stored now. */
  readonly goesOn: boolean;
};

/**
 * Decides between the state of the database and one that an attempt which died has left in the workspace's directory.
 * What was left counts only when it went on from what is stored: a serial alone does not say so, for another worker may
 * have gone another way from the same state.
 * @returns undefined when the stored state cannot be read, and so does not say what it knows of what was left
 */
export function chooseState(stored: Buffer | null, left: LeftState): StartingState | undefined {
  const leftState = left.state ? parseState(left.state) : undefined;
  const nothingNew: StartingState = { state: stored, adopted: false, orphans: null };
  if (!left.state || !leftState || stored?.equals(left.state)) return nothingNew;
  const storedState = stored ? parseState(stored) : undefined;
  if (stored && !storedState) return undefined;
  if (left.goesOn) {
    const isFurther = !storedState || isLater(leftState, storedState);
    return isFurther ? { state: left.state, adopted: true, orphans: null } : nothingNew;
  }
  return { ...nothingNew, orphans: left.kept ? null : orphansOf(leftState, storedState ?? { resources: [] }) };
}

/** Whether a state came after another one. */
export function isLater(state: State, than: State): boolean {
  return state.lineage === than.lineage && state.serial > than.serial;
}

/**
 * Decides what of left states is to be destroyed when no build is there that could go on from them: all that the stored
 * state does not know, also of a further one. What two of them know is named once.
 * @returns undefined when the stored state cannot be read, and so does not say what it knows
 */
export function unknownTo(
  stored: Buffer | null,
  lefts: readonly Pick<LeftState, "state" | "kept">[],
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

/**
 * What of the left state the chosen one does not know, as a state of its own; null when that is nothing. What has an id
 * is known by it, wherever it is: its address changes when a template gives it a count or moves it. Two that share an id
 * are taken for one, because what lives must not be destroyed.
 */
export function orphansOf(left: State, chosen: Pick<State, "resources">): State | null {
  const known = new Set<string>();
  for (const resource of managed(chosen)) {
    for (const instance of resource.instances) {
      known.add(addressOf(resource, instance));
      known.add(identityOf(resource, instance));
    }
  }
  const resources = managed(left)
    .map((resource) => ({
      ...resource,
      instances: resource.instances.filter((instance) => !known.has(identityOf(resource, instance))),
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

/** The same for the same real thing: what its provider calls it, or its address when it has no id. */
function identityOf(resource: StateResource, instance: StateInstance): string {
  const id = isObject(instance.attributes) ? instance.attributes["id"] : undefined;
  if (id === undefined || id === null || id === "") return addressOf(resource, instance);
  // The provider's source: the module that configures it changes with the address.
  const source = /"([^"]+)"/.exec(String(resource.provider))?.[1] ?? null;
  return JSON.stringify({ provider: source, type: resource.type, id });
}

function addressOf({ module, type, name }: StateResource, { index_key, deposed }: StateInstance): string {
  return JSON.stringify([module ?? null, type, name, index_key ?? null, deposed ?? null]);
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
