/** A pass of the last hour, as people look at it. */
export type RecentPass = {
  readonly replica: string;
  readonly startedAt: Date;
  readonly durationMs: number;
  readonly pools: number;
  readonly actions: readonly { readonly kind: string; readonly reason: string; readonly count: number }[];
  /** Of actions; of a pass that failed as a whole 1, and it has seen no pools. */
  readonly failures: number;
};

/** An answered request for a workspace, as people look at it. */
export type RecentRequest = {
  readonly at: Date;
  /** Null when it found no preset, or one that is gone. */
  readonly pool: {
    readonly organization_id: string;
    readonly organization_name: string;
    readonly template_name: string;
    readonly preset_name: string;
  } | null;
  /** `claimed`, or why not. */
  readonly result: string;
  /** 0: it was claimed in SQL. */
  readonly durationMs: number;
};
