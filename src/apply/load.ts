import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { messageOf, ProblemError, UsageError, type Validation } from "../errors.ts";
import { packSource } from "../templates/sources.ts";
import type { ApplyDocument } from "./document.ts";
import { type ParsedApplyFile, parseApplyFile } from "./parse.ts";

/** An apply file with everything that it refers to, so that it can be applied anywhere. */
export type LoadedApplyFile = {
  readonly document: ApplyDocument;
  /** The same failure; of fields that the deployment cannot take it says where in the file they stand. */
  placed(error: unknown): unknown;
};

/**
 * Reads an apply file and packs the sources of its templates; these are looked for relative to the file.
 * @throws UsageError that names every problem with its place in the file.
 */
export async function loadApplyFile(path: string): Promise<LoadedApplyFile> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new UsageError(`cannot read the apply file: ${messageOf(cause)}`, { cause });
  });
  const parsed = parseApplyFile(text, path);
  const templates: ApplyDocument["templates"] = [];
  const problems: string[] = [];
  for (const [index, template] of parsed.file.templates.entries()) {
    try {
      const { hash, data } = await packSource(resolve(dirname(path), template.source), template.provisioner);
      templates.push({ ...template, source: { hash, archive: data } });
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      problems.push(placeOf(parsed, { field: `templates[${index}].source`, detail: error.message }));
    }
  }
  if (problems.length > 0) throw new UsageError(problems.join("\n"));
  return {
    document: { ...parsed.file, templates },
    placed: (error) => {
      if (!(error instanceof ProblemError) || error.validations.length === 0) return error;
      const detail = error.validations.map((problem) => placeOf(parsed, problem)).join("\n  ");
      return new ProblemError(error.kind, error.message, { detail, cause: error });
    },
  };
}

function placeOf(parsed: ParsedApplyFile, { field, detail }: Validation): string {
  const path = (field.match(/[^.[\]]+/g) ?? []).map((part) => (/^\d+$/.test(part) ? Number(part) : part));
  return `${parsed.locate(path)}: ${field}: ${detail}`;
}
