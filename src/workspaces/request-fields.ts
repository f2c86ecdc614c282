import type { CreateOutcome, CreateWorkspaceInput } from "./create.ts";

type Target = { readonly templateId: string; readonly templateName: string };
type Preset = { readonly id: string } | undefined;

/** The line of the log about what a request for a workspace came to; ids only, so that it leads to the other lines. */
export function createdLine(
  given: Pick<CreateWorkspaceInput, "actor" | "ownerId"> & {
    readonly target: Target;
    readonly preset: Preset;
    readonly outcome: CreateOutcome;
    readonly seconds: number;
  },
): [fields: Readonly<Record<string, unknown>>, message: string] {
  const { actor, ownerId, target, preset, outcome } = given;
  const fields = {
    request: actor.requestId,
    workspace: outcome.workspaceId,
    template: target.templateName,
    preset: preset?.id ?? null,
    owner: ownerId,
    build: outcome.queued?.buildId,
    job: outcome.queued?.jobId,
    ...(outcome.missReason === null ? {} : { reason: outcome.missReason }),
    ms: Math.round(given.seconds * 1_000),
  };
  return [fields, outcome.claimed ? "workspace claimed" : "workspace is built anew"];
}

/** What the spans of a request for a workspace say; no values of parameters. */
export function spanAttributes(
  target: Target,
  preset: Preset,
  { ownerId, name }: Pick<CreateWorkspaceInput, "ownerId" | "name">,
) {
  return {
    "prebuildd.template.id": target.templateId,
    "prebuildd.template.name": target.templateName,
    "prebuildd.preset.id": preset?.id,
    "prebuildd.owner.id": ownerId,
    "prebuildd.workspace.name": name,
  };
}
