import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type ParsedNode,
  parseDocument,
  visit,
} from "yaml";
import { messageOf, UsageError } from "../errors.ts";
import { type ApplyFile, checkApplyFile, type Path, pathText } from "./document.ts";

/** An apply file that was understood, and where in it each of its parts stands. */
export type ParsedApplyFile = {
  readonly file: ApplyFile;
  /** `name:line:column` of what `path` leads to, or of the nearest thing around it. */
  locate(path: Path): string;
};

/**
 * Reads an apply file's text; `name` is what messages call the file.
 * @throws UsageError that names every problem with its line and column.
 */
export function parseApplyFile(text: string, name: string): ParsedApplyFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  const mistakes = [...document.errors, ...document.warnings];
  if (mistakes.length > 0)
    throw new UsageError(mistakes.map(({ pos, message }) => `${at(pos[0])}: ${message}`).join("\n"));
  if (document.contents === null) throw new UsageError(`${at(0)}: the file is empty`);

  keepParametersAsWritten(document);
  const checked = checkApplyFile(plainValue(document, at));
  if (!checked.ok) {
    const placed = checked.problems
      .map((problem) => ({ problem, offset: offsetOf(document, problem.path, problem.atKey) }))
      .sort((a, b) => a.offset - b.offset);
    throw new UsageError(
      placed
        .map(({ problem, offset }) => `${at(offset)}: ${pathText(problem.path) || "the file"}: ${problem.message}`)
        .join("\n"),
    );
  }
  return { file: checked.value, locate: (path) => at(offsetOf(document, path, false)) };
}

/** Parameters are text: what is written as `3.10` must not become the number 3.1 on the way. */
function keepParametersAsWritten(document: Document): void {
  visit(document, {
    Pair(_, pair) {
      if (!isScalar(pair.key) || pair.key.value !== "parameters") return;
      if (isMap(pair.value)) for (const { value } of pair.value.items) keepAsWritten(value);
      // The parameters that a template declares; their bounds remain numbers.
      if (!isSeq(pair.value)) return;
      for (const declaration of pair.value.items.filter(isMap)) {
        keepAsWritten(declaration.get("default", true));
        const options = declaration.get("options", true);
        for (const option of isSeq(options) ? options.items.filter(isMap) : [])
          keepAsWritten(option.get("value", true));
      }
    },
  });
}

function keepAsWritten(node: unknown): void {
  if (isScalar(node) && typeof node.value === "number" && node.source !== undefined) node.value = node.source;
}

function plainValue(document: Document, at: (offset: number) => string): unknown {
  visit(document, {
    Alias(_, alias) {
      if (alias.resolve(document) !== undefined) return;
      throw new UsageError(`${at(alias.range?.[0] ?? 0)}: there is no anchor &${alias.source} before this alias`);
    },
  });
  try {
    return document.toJS();
  } catch (error) {
    throw new UsageError(`${at(0)}: ${messageOf(error)}`); // aliases that would multiply without end
  }
}

/** Where in the text the value (or the key) stands that `path` leads to; as far as the path can be followed. */
function offsetOf(document: Document<ParsedNode> | Document.Parsed, path: Path, atKey: boolean): number {
  let node: Node | null | undefined = document.contents;
  let offset = node?.range?.[0] ?? 0;
  for (const [depth, part] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document);
    if (isSeq(node)) {
      node = node.items[Number(part)] as Node | null | undefined;
    } else if (isMap(node)) {
      const pair = node.items.find(({ key }) => String(isScalar(key) ? key.value : key) === String(part));
      const key = pair?.key as Node | undefined;
      const value = pair?.value as Node | null | undefined;
      // A key without a value has an empty node right behind it, which says less than the key itself.
      const shown = (atKey && depth === path.length - 1) || !value?.range || isEmpty(value) ? key : value;
      offset = shown?.range?.[0] ?? offset;
      node = value;
      continue;
    } else {
      return offset;
    }
    offset = node?.range?.[0] ?? offset;
  }
  return offset;
}

function isEmpty(node: Node): boolean {
  return isScalar(node) && node.value === null && node.range?.[0] === node.range?.[1];
}
