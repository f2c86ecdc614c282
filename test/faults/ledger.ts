/** A workspace that somebody was promised, by an answer with 2xx. */
export type Promised = {
  readonly id: string;
  readonly user: string;
  readonly name: string;
  /** It came out of a pool. */
  readonly claimed: boolean;
  /** What its owner wants it to be. */
  wish: "running" | "stopped" | "deleted";
};

type Wanted = {
  readonly user: string;
  readonly name: string;
  readonly templateId: string;
  readonly presetId: string;
};

/** Everything that was promised, and everything that must not have been said or done. */
export type Ledger = {
  /** By id. */
  readonly workspaces: Map<string, Promised>;
  /** Requests for workspaces that nobody has answered yet, by key, and those that were answered. */
  readonly open: Map<string, Wanted>;
  readonly answered: Map<string, Wanted>;
  /** The jobs of templates that were pushed, oldest first. */
  readonly pushes: string[];
  readonly violations: string[];
};

/** Nothing has been promised yet. */
export function createLedger(): Ledger {
  return { workspaces: new Map(), open: new Map(), answered: new Map(), pushes: [], violations: [] };
}

/** Writes down an answer to a request for a workspace; nobody else may have got it, nor this one under another name. */
export function promise(ledger: Ledger, given: Omit<Promised, "wish">): void {
  const before = ledger.workspaces.get(given.id);
  if (!before) {
    ledger.workspaces.set(given.id, { ...given, wish: "running" });
  } else if (before.user !== given.user || before.name !== given.name) {
    ledger.violations.push(
      `workspace ${given.id} was given to ${before.user} as ${before.name} and to ${given.user} as ${given.name}`,
    );
  }
}

/** Two requests of one key must get one workspace, so names, which are the keys, are never there twice. */
export function findNamesGivenTwice(ledger: Ledger): string[] {
  const names = [...ledger.workspaces.values()].map(({ name }) => name);
  return names.filter((name, index) => names.indexOf(name) !== index);
}
