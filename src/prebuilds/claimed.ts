/** What a claim got, and what of it only the database knows. */
export type Claimed = {
  readonly workspaceId: string;
  readonly createdAt: Date;
  readonly claimedAt: Date;
  readonly ownerName: string;
  readonly initiatorName: string;
  readonly buildId: string;
  readonly buildNumber: number;
  readonly jobId: string;
};
