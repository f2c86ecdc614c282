import pg from "pg";

/** What went wrong, in terms that decide an HTTP status and a CLI exit code. */
export type ProblemKind = "invalid" | "unauthenticated" | "forbidden" | "not_found" | "conflict" | "unavailable";

/** A wrong field of a request: its path and what is wrong with it. */
export type Validation = { readonly field: string; readonly detail: string };

/** A failure whose message is written for the person who can act on it. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  readonly kind: ProblemKind;
  readonly detail: string | undefined;
  readonly validations: readonly Validation[];

  constructor(
    kind: ProblemKind,
    message: string,
    options: { detail?: string; validations?: readonly Validation[]; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.detail = options.detail;
    this.validations = options.validations ?? [];
  }
}

/** The command line or the configuration is wrong: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The PostgreSQL error behind `error`, looking through the causes that libraries wrap around it. */
export function databaseErrorOf(error: unknown): pg.DatabaseError | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at instanceof pg.DatabaseError) return at;
  }
  return undefined;
}

/** Whether `error` says that a row would break the named unique constraint or index. */
export function isUniqueViolation(error: unknown, constraint: string): boolean {
  const cause = databaseErrorOf(error);
  return cause?.code === "23505" && cause.constraint === constraint;
}

/** Whether `error` says that somebody else held a lock for longer than the transaction was ready to wait. */
export function isLockTimeout(error: unknown): boolean {
  return databaseErrorOf(error)?.code === "55P03";
}

/** What was thrown, as an Error, which nearly everything is that is thrown. */
export function errorOf(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** One sentence for a person, whatever was thrown. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") {
    return error.errors.map(messageOf).join("; ");
  }
  return error instanceof Error ? error.message : String(error);
}
