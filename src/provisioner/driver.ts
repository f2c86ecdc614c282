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

export type BuildContext = {
  /** Aborted when the build is to be given up: canceled, or the daemon stops. */
  readonly signal: AbortSignal;
  log(line: BuildLogLine): void;
};

/** How a build ended. The state is kept for the next build in both cases: what exists must never be forgotten. */
export type BuildResult =
  | {
      readonly ok: true;
      readonly state: Buffer | null;
      /** The agents of a started workspace; `ready` false means that `isReady` decides. Empty for stop and delete. */
      readonly agents: readonly { readonly name: string; readonly ready: boolean }[];
    }
  | { readonly ok: false; readonly state: Buffer | null; readonly error: string };

/** What executes builds. A failed build is a result; an exception means that the driver itself is broken. */
export type Driver = {
  build(request: BuildRequest, context: BuildContext): Promise<BuildResult>;
  /** Asks once whether a started workspace can be used. */
  isReady(request: BuildRequest, context: BuildContext): Promise<boolean>;
};
