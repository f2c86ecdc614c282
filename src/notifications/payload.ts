import type { NotificationData, NotifiedPool, OutgoingMessage } from "./event.ts";
import { messageOf, pathsText, templateIdOf } from "./message.ts";

/** Names for programs that sort messages; those of a claim are of the newest one. */
export function labelsOf({ pool, claims }: NotificationData): Readonly<Record<string, string>> {
  const claim = claims?.at(-1);
  return {
    org: pool.organization,
    template: pool.template,
    template_version: pool.templateVersion,
    preset: pool.preset,
    ...(claim && {
      workspace: claim.workspace,
      workspace_build_num: String(claim.buildNumber),
      claimant: claim.claimant,
    }),
  };
}

/** The ids of all that a message is about, each once: workspaces, their owners, template, version, preset, organization. */
export function targetsOf({ pool, claims = [] }: NotificationData): string[] {
  const people = claims.flatMap(({ workspaceId, claimantId }) => [workspaceId, claimantId]);
  const { templateId, templateVersionId, presetId, organizationId } = pool;
  return [...new Set([...people, templateId, templateVersionId, presetId, organizationId])];
}

/** What a message says, for programs. `replacements` has the resources that any of the claims replaced. */
export function publicData({ claims, reason, misses }: NotificationData) {
  return {
    ...(claims && {
      replacements: replacementsOf(claims.map(({ replacements }) => replacements)),
      claims: claims.map((claim) => ({
        at: claim.at,
        workspace_id: claim.workspaceId,
        workspace: claim.workspace,
        workspace_build_num: claim.buildNumber,
        claimant_id: claim.claimantId,
        claimant: claim.claimant,
        replacements: replacementsOf([claim.replacements]),
      })),
    }),
    ...(reason !== undefined && { reason }),
    ...(misses !== undefined && { misses }),
  };
}

/** For each resource the attributes that forced it in any claim, each once, in one text. */
function replacementsOf(all: readonly Readonly<Record<string, readonly string[]>>[]): Record<string, string> {
  const paths = new Map<string, Set<string>>();
  for (const [address, forced] of all.flatMap((one) => Object.entries(one))) {
    paths.set(address, new Set([...(paths.get(address) ?? []), ...forced]));
  }
  return Object.fromEntries(Array.from(paths, ([address, forced]) => [address, pathsText([...forced])]));
}

/** What an event is about, so that equal ones are put together: the pool, whichever version it is of. */
export const aboutOf = ({ templateId, preset }: NotifiedPool): string => `${templateId}/${preset}`;

/** What is posted to the webhook. @param recipients the names of the users who are told of the same */
export function webhookPayload(message: Omit<OutgoingMessage, "channel" | "recipient">, recipients: readonly string[]) {
  const { id, event, createdAt, occurrences, data } = message;
  return {
    id,
    event,
    template_id: templateIdOf(event),
    created_at: createdAt.toISOString(),
    occurrences,
    ...messageOf(event, data, occurrences),
    labels: labelsOf(data),
    targets: targetsOf(data),
    data: publicData(data),
    recipients,
  };
}
