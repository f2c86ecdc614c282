import type { PrebuildStage, Transition } from "../vocabulary.ts";

type LogLevel = "debug" | "info" | "warn" | "error";

/** One line of a build's log; `stage` says which step of the build printed it. */
export type BuildLogLine = { readonly level: LogLevel; readonly stage: string; readonly output: string };

/** The workspace that a driver works on, as templates may see it. */
type DriverWorkspace = {
  readonly id: string;
  readonly name: string;
  readonly ownerId: string;
  readonly ownerName: string;
  /** The owner's full name; may be empty. */
  readonly ownerFullName: string;
  readonly ownerEmail: string;
  readonly organizationName: string;
  readonly templateId: string;
  readonly templateName: string;
  readonly templateVersion: string;
};

/** Everything that a driver gets to know about one build. */
export type BuildRequest = {
  readonly workspace: DriverWorkspace;
  readonly buildId: string;
  readonly transition: Transition;
  readonly stage: PrebuildStage;
  readonly parameters: Readonly<Record<string, string>>;
  /** What the driver returned as state of the workspace's previous build. */
  readonly state: Buffer | null;
  /** A directory that holds the template version's source; shared by builds, so not to be written to. */
  readonly sourceDir: string;
  /** A directory path reserved for this workspace. The template creates it, fills it and removes it. */
  readonly workspaceDir: string;
};

/** What goes along with all that a driver does. */
export type DriverContext = {
  /** Aborted when the work is to be given up: canceled, or the daemon stops. */
  readonly signal: AbortSignal;
  log(line: BuildLogLine): void;
};

export type BuildContext = DriverContext & {
  /**
   * Stores what exists so far, so that it is known even if this process dies before the build ends.
   * @returns false when another worker has the build now, and only its state counts
   */
  keepState(state: Buffer): Promise<boolean>;
  /**
   * Asks whether the owner may have what costs this much a day; a build that says nothing changes no cost. To be asked
   * before anything is made. What is lower counts when the build has succeeded; what is deleted costs nothing by itself.
   * @returns why not, in a sentence; undefined when it is permitted
   */
  commitCost(dailyCost: number): Promise<string | undefined>;
};

/** Resources that a build replaced by others, each with the paths of the attributes that forced it. */
export type Replacements = Readonly<Record<string, readonly string[]>>;

/** How a build ended. The state is kept for the next build in both cases: what exists must never be forgotten. */
export type BuildResult =
  | {
      readonly ok: true;
      readonly state: Buffer | null;
      /** The agents of a started workspace; `ready` false means that `isReady` decides. Empty for stop and delete. */
      readonly agents: readonly { readonly name: string; readonly ready: boolean }[];
      /** What a claim has replaced; null or absent when that is nothing. */
      readonly replacements?: Replacements | null;
    }
  | { readonly ok: false; readonly state: Buffer | null; readonly error: string };

/** What a source says about the version that it makes, in the words of the apply file and not checked yet. */
export type ImportResult =
  | { readonly ok: true; readonly presets: readonly unknown[]; readonly parameters: readonly unknown[] }
  | { readonly ok: false; readonly error: string };

/** A source that is to be read as a version of a template. */
export type ImportRequest = { readonly templateName: string; readonly sourceDir: string };

/** What an attempt that did not end in order has left of a workspace, and where. */
export type Leftover = { readonly workspaceId: string; readonly path: string };

export type LeftoverContext = DriverContext & {
  /** Says whether still no build of the workspace is under way; to be asked right before something is removed. */
  isFree(): Promise<boolean>;
};

/** What executes builds. A failed build is a result; an exception means that the driver itself is broken. */
export type Driver = {
  build(request: BuildRequest, context: BuildContext): Promise<BuildResult>;
  /** Asks once whether a started workspace can be used. */
  isReady(request: BuildRequest, context: DriverContext): Promise<boolean>;
  /** Reads from a source which presets and parameters it declares; absent when the driver's sources declare none. */
  importSource?(request: ImportRequest, context: DriverContext): Promise<ImportResult>;
  /** Finds what attempts have left on this machine and nothing has touched for a while; absent when there is no such. */
  leftovers?(): Promise<readonly Leftover[]>;
  /**
   * Removes what lies here of a workspace, after it has destroyed what the request's state does not know of.
   * @returns what was destroyed; undefined when all was left as it is, because somebody needs it or there is nothing
   * @throws Error with a sentence when that fails; what lies here then stays
   */
  clearLeftover?(request: BuildRequest, context: LeftoverContext): Promise<readonly string[] | undefined>;
};
