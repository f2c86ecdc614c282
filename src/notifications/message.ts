import { oneLine } from "../one-line.ts";
import type { NotificationData, NotificationEvent, Replaced } from "./event.ts";

/** What a person reads: one line that says what has happened, and some that say what it means and what to do. */
export type Message = { readonly title: string; readonly body: string };

/** The ids by which programs know what kind of message it is; the first two are those of the reference. */
const TEMPLATE_IDS: Readonly<Record<NotificationEvent, string>> = {
  resource_replaced: "89d9745a-816e-4695-a17f-3d0a229e2b8d",
  preset_hard_limited: "414d9331-c1fc-4761-b40c-d1f4702279eb",
  preset_validation_failed: "10efc5d9-f3cf-4910-a3c4-5787017ccb82",
  pool_empty: "7a1f4902-c3c6-4f50-83af-53498b70c23b",
};

/** The id of the kind of message that an event makes. */
export const templateIdOf = (event: NotificationEvent): string => TEMPLATE_IDS[event];

/**
 * Says in words what has happened.
 * @param occurrences how many equal events the message stands for; the data may hold fewer of them
 */
export function messageOf(event: NotificationEvent, data: NotificationData, occurrences: number): Message {
  const { title, lines } = write(event, data, occurrences);
  return { title: oneLine(title), body: lines.join("\n") };
}

type Written = { readonly title: string; readonly lines: readonly string[] };

function write(event: NotificationEvent, data: NotificationData, occurrences: number): Written {
  const { template, preset, templateVersion, organization } = data.pool;
  const name = oneLine(`${template}/${preset}`);
  const where = oneLine(
    `the preset ${preset} of the template ${template} (version ${templateVersion}, organization ${organization})`,
  );
  const options = oneLine(`--organization ${organization} --template ${template} --preset ${JSON.stringify(preset)}`);
  const reset = `When it is put right, or was not the template's fault, run: prebuildd presets reset ${options}`;
  switch (event) {
    case "resource_replaced":
      return replaced(name, where, data.claims ?? [], occurrences);
    case "preset_hard_limited":
      return {
        title: `The pool ${name} gets no more prebuilds, because their builds keep failing`,
        lines: [
          `No prebuilds are created any more for ${where}: ${reasonOf(data)}.`,
          "Whoever asks for a workspace waits for a whole build as soon as the ready prebuilds are used up.",
          "",
          "Look at the logs of the builds that failed, correct the template and push a new version of it.",
          reset,
        ],
      };
    case "preset_validation_failed":
      return {
        title: `The pool ${name} gets no prebuilds, because its preset does not fit its template`,
        lines: [
          `No prebuilds are created for ${where}: ${reasonOf(data)}.`,
          "",
          "Correct the preset's parameters, or those that the version declares, and push a new version.",
          reset,
        ],
      };
    case "pool_empty": {
      const misses = data.misses ?? 0;
      return {
        title: `The pool ${name} was empty when workspaces were asked for`,
        lines: [
          `${count(misses, "request")} for a workspace of ${where} found no ready prebuild and had to wait for a whole build.`,
          "",
          "If this happens often, raise the pool's instances, or give it a schedule with more of them for the busy hours.",
          "If the pool is not full although nobody claims, prebuildd status says why.",
        ],
      };
    }
    default:
      return event satisfies never;
  }
}

function replaced(name: string, where: string, claims: readonly Replaced[], occurrences: number): Written {
  const earlier = occurrences - claims.length;
  return {
    title:
      occurrences === 1
        ? `A claim from the pool ${name} has replaced ${count(resourcesOf(claims), "resource")}`
        : `${occurrences} claims from the pool ${name} have replaced resources`,
    lines: [
      `${occurrences === 1 ? "A claim" : `${occurrences} claims`} of a prebuild of ${where} replaced resources:`,
      ...claims.flatMap((claim) => [
        "",
        oneLine(`${claim.claimant} claimed the workspace ${claim.workspace} (build ${claim.buildNumber}):`),
        ...Object.entries(claim.replacements).map(([address, paths]) => oneLine(`- ${address}: ${pathsText(paths)}`)),
      ]),
      ...(earlier > 0 ? ["", `${count(earlier, "earlier claim")} did so, too.`] : []),
      "",
      "Who claimed had to wait until the resources were made anew, and what was prepared in them is lost.",
      "",
      "Each resource is followed by the attributes that forced it to be replaced. Make these independent of who owns the",
      "workspace and of what it is called, or have Terraform ignore their changes: lifecycle { ignore_changes = [...] }.",
      "Then push a new version of the template.",
    ],
  };
}

/** The attributes that forced a resource to be replaced, as a list in words. */
export const pathsText = (paths: readonly string[]): string => paths.join(", ");

const resourcesOf = (claims: readonly Replaced[]): number =>
  new Set(claims.flatMap(({ replacements }) => Object.keys(replacements))).size;

/** As a part of a sentence. */
const reasonOf = ({ reason = "" }: NotificationData): string => oneLine(reason).replace(/\.$/, "");

const count = (number: number, word: string): string => `${number} ${word}${number === 1 ? "" : "s"}`;
