/** What can happen that people are told of. */
export type NotificationEvent = "resource_replaced" | "preset_hard_limited" | "preset_validation_failed" | "pool_empty";

/** How a message reaches somebody. */
export type NotificationChannel = "inbox" | "webhook" | "email";

/** The pool that an event is about, in names and ids. */
export type NotifiedPool = {
  readonly organizationId: string;
  readonly organization: string;
  readonly templateId: string;
  readonly template: string;
  readonly templateVersionId: string;
  readonly templateVersion: string;
  readonly presetId: string;
  readonly preset: string;
};

/** A claim that replaced resources. */
export type Replaced = {
  readonly at: string;
  readonly workspaceId: string;
  readonly workspace: string;
  readonly buildNumber: number;
  readonly claimantId: string;
  readonly claimant: string;
  /** The replaced resources, each with the attributes that forced it. */
  readonly replacements: Readonly<Record<string, readonly string[]>>;
};

/** Something that has happened to a pool. */
export type Notice = { readonly pool: NotifiedPool } & (
  | { readonly event: "resource_replaced"; readonly claim: Replaced }
  | { readonly event: "preset_hard_limited" | "preset_validation_failed"; readonly reason: string }
  | { readonly event: "pool_empty"; readonly misses: number }
);

/** All that a message says; of many equal events the newest claims only. */
export type NotificationData = {
  readonly pool: NotifiedPool;
  /** Of `resource_replaced`: the newest claims, the oldest of them first. */
  readonly claims?: readonly Replaced[];
  /** Of a pool that creates no more: why. */
  readonly reason?: string;
  /** Of `pool_empty`: how many requests for a workspace found nothing. */
  readonly misses?: number;
};

/** Events are added to a digest while it waits; from then on it says what it says. */
export type DigestStatus = "waiting" | "closed";

/** How far a message is. */
export type NotificationStatus = "waiting" | "sent" | "failed";

/** A message that is to be delivered now. */
export type OutgoingMessage = {
  readonly id: string;
  readonly digestId: string;
  readonly event: NotificationEvent;
  readonly channel: NotificationChannel;
  readonly createdAt: Date;
  readonly occurrences: number;
  readonly data: NotificationData;
  /** Null for the webhook, which is the deployment's. */
  readonly recipient: { readonly username: string; readonly email: string; readonly isActive: boolean } | null;
};
