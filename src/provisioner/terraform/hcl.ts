/** A piece of a configuration's text; what it says matters, not where it stands. */
type Token =
  | { readonly kind: "name" | "text"; readonly value: string }
  | { readonly kind: "mark"; readonly value: string };

/** A variable that a source declares. */
export type Variable = { readonly name: string; readonly type: string | undefined };

/** The names that a text in Terraform's language gives values to outside of all blocks. */
export function assignedNames(text: string): string[] {
  const names: string[] = [];
  let depth = 0;
  const tokens = tokensOf(text);
  for (const [at, { kind, value }] of tokens.entries()) {
    if (kind === "mark") depth += depthOf(value);
    else if (kind === "name" && depth === 0 && isMark(tokens[at + 1], "=")) names.push(value);
  }
  return names;
}

/** The variables that a text in Terraform's language declares; their types by the first word of them. */
export function declaredVariables(text: string): Variable[] {
  const variables: Variable[] = [];
  let depth = 0;
  let current: { name: string; type: string | undefined } | undefined;
  const tokens = tokensOf(text);
  for (const [at, { kind, value }] of tokens.entries()) {
    if (kind === "mark") depth += depthOf(value);
    if (depth === 0 && kind === "mark") current = undefined;
    const [label, brace] = [tokens[at + 1], tokens[at + 2]];
    const begins = depth === 0 && kind === "name" && value === "variable";
    if (begins && label && label.kind !== "mark" && isMark(brace, "{")) {
      current = { name: label.value, type: undefined };
      variables.push(current);
    }
    if (current && depth === 1 && kind === "name" && value === "type" && isMark(tokens[at + 1], "=")) {
      current.type = tokens[at + 2]?.value;
    }
  }
  return variables;
}

/** The same for the two in JSON: a text that is none says nothing, and Terraform tells what is wrong with it. */
export function assignedNamesInJson(text: string): string[] {
  return objectsIn(parseJson(text)).flatMap(Object.keys);
}

export function declaredVariablesInJson(text: string): Variable[] {
  const blocks = objectsIn(parseJson(text)).flatMap((body) => objectsIn(body["variable"]));
  return blocks.flatMap(Object.entries).map(([name, bodies]) => {
    const type = objectsIn(bodies).find((body) => "type" in body)?.["type"];
    return { name, type: typeof type === "string" ? tokensOf(type)[0]?.value : undefined };
  });
}

/**
 * Comments and blanks, strings, heredocs, names, and single characters. What is not read here is left to Terraform,
 * which says what is wrong with it.
 */
const BLANK = /(?:\s|\uFEFF|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$))+/y;
const HEREDOC = /<<-?([\p{L}_][\p{L}\p{N}_-]*)[^\n]*\n(?:(?:[\s\S]*?\n)??[ \t]*\1[ \t]*\r?(?=\n|$)|[\s\S]*)/uy;
const NAME = /[\p{L}_][\p{L}\p{N}_-]*/uy;
const OPERATOR = /[=!<>]=|=>/y;

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    at += found?.length ?? 0;
    return found;
  };
  while (at < text.length) {
    if (take(BLANK) !== undefined || take(HEREDOC) !== undefined) continue;
    const name = take(NAME);
    if (name !== undefined) tokens.push({ kind: "name", value: name });
    else if (text[at] === '"') {
      const end = endOfString(text, at);
      tokens.push({ kind: "text", value: text.slice(at + 1, end - 1) });
      at = end;
    } else tokens.push({ kind: "mark", value: take(OPERATOR) ?? text[at++] ?? "" });
  }
  return tokens;
}

/** Where the string that begins here is over: a template in it may hold strings and braces of its own. */
function endOfString(text: string, start: number): number {
  /** What is open: strings and, in them, templates. */
  const open: ('"' | "{")[] = ['"'];
  let at = start + 1;
  while (at < text.length && open.length > 0) {
    const char = text[at];
    const inString = open.at(-1) === '"';
    if (inString && char === "\\") at += 1;
    else if (inString && /^(?:\$\$|%%)\{/.test(text.slice(at, at + 3))) at += 2;
    else if (inString && /^[$%]\{/.test(text.slice(at, at + 2))) {
      open.push("{");
      at += 1;
    } else if (inString && char === '"') open.pop();
    else if (char === '"') open.push('"');
    else if (!inString && char === "{") open.push("{");
    else if (!inString && char === "}") open.pop();
    at += 1;
  }
  return at;
}

function depthOf(mark: string): number {
  if (mark === "{" || mark === "[" || mark === "(") return 1;
  return mark === "}" || mark === "]" || mark === ")" ? -1 : 0;
}

function isMark(token: Token | undefined, value: string): boolean {
  return token?.kind === "mark" && token.value === value;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch {
    return undefined;
  }
}

/** A body may be one object or a list of such. */
function objectsIn(value: unknown): Readonly<Record<string, unknown>>[] {
  return [value].flat().filter((one) => typeof one === "object" && one !== null && !Array.isArray(one)) as Readonly<
    Record<string, unknown>
  >[];
}
