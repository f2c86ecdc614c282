import { CommanderError } from "commander";
import { databaseErrorOf, messageOf, ProblemError, UsageError } from "../errors.ts";

/** Exit codes of every command. */
export const EXIT = { done: 0, failed: 1, wrongUse: 2 } as const;

/** What a command's failure comes to: the exit code, and the text for the person who called it. */
export function describeFailure(error: unknown): { readonly code: number; readonly text: string } {
  // Commander has said what is wrong already.
  if (error instanceof CommanderError) return { code: error.exitCode === 0 ? EXIT.done : EXIT.wrongUse, text: "" };
  if (error instanceof UsageError) return { code: EXIT.wrongUse, text: `${error.message}\n` };
  if (error instanceof ProblemError) return { code: EXIT.failed, text: describeProblem(error) };
  if (databaseErrorOf(error)?.code === "42P01") {
    const text = "error: the database has not been migrated; run `prebuildd migrate up` first\n";
    return { code: EXIT.failed, text };
  }
  return { code: EXIT.failed, text: isBug(error) ? `${error.stack}\n` : `error: ${messageOf(error)}\n` };
}

function describeProblem({ message, detail, validations }: ProblemError): string {
  const more = [
    ...(detail === undefined ? [] : [detail]),
    ...validations.map((wrong) => `${wrong.field}: ${wrong.detail}`),
  ];
  return `error: ${[message, ...more].join("\n  ")}\n`;
}

/** Whether the one to act is a programmer, who needs the stack. */
function isBug(error: unknown): error is Error {
  return (
    (error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError) &&
    error.cause === undefined
  );
}
