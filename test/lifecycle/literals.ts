/** A string of a source file: its text as written, without its quotes. What it names in `${}` stays, the rest is `${...}`. */
export type Literal = {
  readonly at: number;
  readonly text: string;
  /** The constant whose whole value it is. */
  readonly name: string | undefined;
};

const QUOTED = /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'/y;
const SKIPPED = /\/\/.*|\/\*[\s\S]*?\*\//y;
const REGEXP = /\/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\//y;

/** Finds the strings and template strings of TypeScript, also those within others; comments have none. */
export function literalsOf(source: string): Literal[] {
  const found: Literal[] = [];
  readCode(source, 0, found);
  return found.sort((one, other) => one.at - other.at);
}

/** Reads code until the brace that closes it, and returns where that is. */
function readCode(source: string, from: number, found: Literal[]): number {
  let depth = 0;
  let at = from;
  while (at < source.length) {
    const quoted = match(QUOTED, source, at);
    if (quoted) found.push({ at, text: quoted.slice(1, -1), name: nameBefore(source, at) });
    const skipped = quoted ?? match(SKIPPED, source, at) ?? (beginsValue(source, at) && match(REGEXP, source, at));
    if (skipped) {
      at += skipped.length;
    } else if (source[at] === "`") {
      at = readTemplate(source, at, found);
    } else {
      if (source[at] === "{") depth += 1;
      if (source[at] === "}") depth -= 1;
      if (depth < 0) return at;
      at += 1;
    }
  }
  return at;
}

function readTemplate(source: string, from: number, found: Literal[]): number {
  let at = from + 1;
  let text = "";
  while (at < source.length && source[at] !== "`") {
    const begin = at;
    const isHole = source.startsWith("${", at);
    if (isHole) at = readCode(source, at + 2, found) + 1;
    else at += source[at] === "\\" ? 2 : 1;
    const piece = source.slice(begin, at);
    text += isHole && !/^\$\{\w+\}$/.test(piece) ? `\${...}` : piece;
  }
  found.push({ at: from, text, name: nameBefore(source, from) });
  return at + 1;
}

function match(pattern: RegExp, source: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(source)?.[0];
}

/** A slash divides after a value and begins a regular expression elsewhere. */
const beginsValue = (source: string, at: number): boolean =>
  source[at] === "/" && !/[\w$)\]}"'`]\s*$/.test(source.slice(Math.max(at - 80, 0), at).replace(/\breturn\s*$/, "("));

const nameBefore = (source: string, at: number): string | undefined =>
  /\bconst (\w+)(?:: [^=]+)? =\s*$/.exec(source.slice(Math.max(at - 120, 0), at))?.[1];
