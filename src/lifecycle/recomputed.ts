/** How many workspaces have got another ttl, next start, time of their deletion or deadline. */
export type Recomputed = {
  readonly ttls: number;
  readonly nextStarts: number;
  readonly deletions: number;
  readonly deadlines: number;
};

/** Logs what a change of a template has done to its workspaces, if anything. */
export function logRecomputed(
  log: { info(fields: object, message: string): void },
  template: string,
  recomputed: Recomputed,
): void {
  const text = inWords(recomputed);
  if (text !== "")
    log.info({ template, ...recomputed }, `template ${template} is changed, and of its workspaces ${text}`);
}

function inWords({ ttls, nextStarts, deletions, deadlines }: Recomputed): string {
  const counts = [
    [ttls, "run for another time"],
    [nextStarts, "start at another time"],
    [deletions, "are deleted at another time"],
    [deadlines, "have another latest stop"],
  ] as const;
  return counts.flatMap(([count, what]) => (count > 0 ? [`${count} ${what}`] : [])).join(", ");
}
