import { z } from "zod";

/** Whose workspaces can be shared in an organization. */
const OWNERS = ["none", "everyone"] as const;

const whose = z.enum([...OWNERS, ""], { error: `must be ${OWNERS.join(" or ")}` });

/** What says whether workspaces can be shared in an organization, in one of two ways or in both. */
export const sharingBody = z
  .strictObject({
    sharing_disabled: z
      .boolean({ error: "must be true or false" })
      .optional()
      .describe("the same, as older clients say it"),
    shareable_workspace_owners: whose.optional().describe("an empty text says nothing"),
  })
  .superRefine((body, context) => {
    const { sharing_disabled: disabled, shareable_workspace_owners: owners } = body;
    const refuse = (message: string) =>
      context.addIssue({ code: "custom", path: ["shareable_workspace_owners"], message });
    if (!owners && disabled === undefined) refuse(`must be ${OWNERS.join(" or ")}; or give sharing_disabled`);
    else if (owners && disabled !== undefined && disabled !== isDisabledIn(body)) {
      refuse(`contradicts sharing_disabled, which is ${disabled}; give one of them`);
    }
  });

/** Whether a valid body says that workspaces are not to be shared. */
export function isDisabledIn(body: z.infer<typeof sharingBody>): boolean {
  const { sharing_disabled: disabled, shareable_workspace_owners: owners } = body;
  return owners ? owners === "none" : disabled === true;
}

/** Whether workspaces can be shared in an organization, as the API shows it. */
export const sharingSchema = z.object({
  sharing_globally_disabled: z.boolean().describe("nobody may in the whole deployment, whatever is set here"),
  sharing_disabled: z.boolean(),
  shareable_workspace_owners: z.enum(OWNERS),
});
export type SharingView = z.infer<typeof sharingSchema>;

/**
 * Turns an organization's switch into what the API shows.
 * @param globally the switch of the whole deployment
 */
export function sharingView(stored: boolean, globally: boolean): SharingView {
  const disabled = stored || globally;
  return {
    sharing_globally_disabled: globally,
    sharing_disabled: disabled,
    shareable_workspace_owners: disabled ? "none" : "everyone",
  };
}
