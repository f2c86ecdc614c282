import { ProblemError, type Validation } from "../errors.ts";

/** Deeper than any body we know; a body that is deeper is refused instead of exhausting the stack. */
const MAX_DEPTH = 32;

/**
 * Refuses text with null bytes, which PostgreSQL cannot store, wherever it stands in `value`.
 * @throws ProblemError that names every such field.
 */
export function refuseNullBytes(value: unknown): void {
  const validations: Validation[] = [];
  collect(value, [], validations);
  if (validations.length > 0) throw new ProblemError("invalid", "the request is not valid", { validations });
}

function collect(value: unknown, path: readonly string[], found: Validation[]): void {
  if (typeof value === "string") {
    if (value.includes("\0")) found.push({ field: path.join("."), detail: "must not contain null bytes" });
    return;
  }
  if (typeof value !== "object" || value === null || Buffer.isBuffer(value)) return;
  if (path.length >= MAX_DEPTH) {
    throw new ProblemError("invalid", `the body of the request is nested more than ${MAX_DEPTH} levels deep`);
  }
  for (const [key, child] of Object.entries(value)) {
    if (key.includes("\0")) found.push({ field: path.join("."), detail: "must not have null bytes in its names" });
    else collect(child, [...path, key], found);
  }
}
