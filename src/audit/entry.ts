/** What can be done to an audited object. */
export const AUDIT_ACTIONS = ["create", "write", "delete", "claim", "start", "stop", "cancel"] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

/** The kinds of objects that are audited. */
export const AUDITED_TYPES = [
  "api_key",
  "custom_role",
  "group",
  "group_ai_budget",
  "log_level",
  "organization",
  "organization_member",
  "pool",
  "prebuilds_settings",
  "preset",
  "provisioner_job",
  "template",
  "template_version",
  "user",
  "user_ai_budget_override",
  "workspace",
  "workspace_build",
] as const;
export type AuditedType = (typeof AUDITED_TYPES)[number];

/** What changed, field by field; a field that was not there before or is not there after has null on that side. */
export type Difference = Readonly<Record<string, { readonly old: unknown; readonly new: unknown }>>;

/** Who changes something, and through which request. */
export type Actor = {
  /** Null for who works without a token; see COMMAND_LINE. */
  readonly userId: string | null;
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly requestId: string | null;
};

/** Who works with the command line on the machine of the daemon or on the database itself, without a token. */
export const COMMAND_LINE: Actor = { userId: null, ip: null, userAgent: null, requestId: null };

/** The daemon itself, when it applies the rules of the lifecycle. */
export const LIFECYCLE: Actor = { ...COMMAND_LINE, userAgent: "prebuildd lifecycle" };

/** One change of one object. */
export type AuditEntry = {
  readonly action: AuditAction;
  readonly type: AuditedType;
  readonly id: string;
  /** What a person knows the object by. */
  readonly target: string;
  /** Null for what belongs to no organization. */
  readonly organizationId: string | null;
  readonly diff: Difference;
};

type Fields = Readonly<Record<string, unknown>>;

/** Changes with every write and says nothing that the entry does not say itself. */
const NOISE: ReadonlySet<string> = new Set(["updated_at"]);

/** What differs between an object before and after a change; null where there was none or is none any more. */
export function difference(before: Fields | null, after: Fields | null): Difference {
  const names = new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})]);
  const changed: Record<string, { old: unknown; new: unknown }> = {};
  for (const name of names) {
    const [old, now] = [before?.[name] ?? null, after?.[name] ?? null];
    if (!NOISE.has(name) && JSON.stringify(old) !== JSON.stringify(now)) changed[name] = { old, new: now };
  }
  return changed;
}
