import { ProblemError } from "../errors.ts";
import type { MemberView } from "../organizations/member-view.ts";
import type { Client } from "./client.ts";

/** The id of a user, who is looked for among the members of an organization. */
export async function memberId(
  client: Client,
  { organization_id: id, organization_name: organization }: { organization_id: string; organization_name: string },
  user: string,
): Promise<string> {
  try {
    return (await client.get<MemberView>(`/organizations/${id}/members/${encodeURIComponent(user)}`)).user_id;
  } catch (error) {
    if (!(error instanceof ProblemError && error.kind === "not_found")) throw error;
    const what = `${user} is no member of ${organization}, or you may not see that; see \`members list\``;
    throw new ProblemError("not_found", what);
  }
}
