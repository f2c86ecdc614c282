import { SYSTEM_USER } from "../../src/system-user.ts";
import { type Literal, literalsOf } from "./literals.ts";

/** The columns that belong to the lifecycle, by their table. */
export const LIFECYCLE_COLUMNS: Readonly<Record<string, readonly string[]>> = {
  workspaces: [
    "autostart_schedule",
    "next_start_at",
    "ttl",
    "last_used_at",
    "dormant_at",
    "deleting_at",
    "latest_deadline",
    "lifecycle_build_id",
  ],
  workspace_builds: ["deadline", "max_deadline"],
};

/** A statement, or a part of one, that writes columns of the lifecycle. */
export type Writer = {
  /** Such as "update workspaces". */
  readonly begins: string;
  /** The columns of the lifecycle that it writes; "?" is one whose name is not to be read. */
  readonly columns: readonly string[];
  /** It leaves out the workspaces of the system user itself. */
  readonly excludes: boolean;
};

const BEGINS = /\b(update|insert\s+into|merge\s+into|copy)\s+(?:only\s+)?(?:"?public"?\s*\.\s*)?"?(\w+\b|\$\{)"?/gi;
const CTE = (name: string) => new RegExp(`\\b${name}\\s+as\\s+(?:not\\s+)?(?:materialized\\s*)?\\(`, "i");
const EXCLUDES = new RegExp(`\\b(?:owner_id|user_id)\\s*<>\\s*${SYSTEM_USER}`, "i");

/** The writers in a source file. Whatever its layout, they stand in its strings; what is put into them is read, too. */
export function writersInSource(source: string): Writer[] {
  const literals = literalsOf(source);
  return literals.flatMap((literal) => writersIn(literal.text, (text) => expand(text, literal.at, literals)));
}

/** The writers in SQL; `complete` puts into a statement what was left open in it. */
export function writersIn(sql: string, complete = (text: string): string => text): Writer[] {
  const whole = complete(sql);
  return [...sql.matchAll(BEGINS)].flatMap((match): Writer[] => {
    const [, verb = "", table = ""] = match;
    const columns = table.startsWith("$")
      ? Object.values(LIFECYCLE_COLUMNS).flat()
      : LIFECYCLE_COLUMNS[table.toLowerCase()];
    if (!columns || isLock(sql, match.index)) return [];
    const text = complete(extent(sql, match.index));
    const written = targetsOf(text).filter((column) => columns.includes(column) || column === "?");
    const begins = `${verb.replaceAll(/\s+/g, " ").toLowerCase()} ${table}`;
    return written.length > 0 ? [{ begins, columns: written, excludes: leavesOut(text, whole) }] : [];
  });
}

/** `for update of w` locks and writes nothing, nor does `on conflict do update set`, which is part of its insert. */
const isLock = (sql: string, at: number): boolean => /\b(for(\s+no\s+key)?|do)\s+$/i.test(sql.slice(0, at));

/** What of the SQL belongs to the statement that begins here: as far as its own end, or that of the parentheses around it. */
function extent(sql: string, from: number): string {
  let depth = 0;
  for (let at = from; at < sql.length; at += 1) {
    if (sql[at] === "(") depth += 1;
    if (sql[at] === ")") depth -= 1;
    if (depth < 0 || (depth === 0 && sql[at] === ";")) return sql.slice(from, at);
  }
  return sql.slice(from);
}

/** The columns that a statement sets; "?" where they cannot be told. */
function targetsOf(statement: string): string[] {
  const flat = statement.replaceAll(/--.*$/gm, "");
  if (/^(merge|copy)/i.test(flat)) return ["?"];
  const list = /^insert\s+into\s+[^\s(]+(?:\s+as\s+\w+)?\s*\(([^)]*)\)/i.exec(flat);
  const names = list?.[1] ? list[1].split(",") : /^insert/i.test(flat) ? ["?"] : [];
  const sets = [...flat.matchAll(/(?<=\s)set\s+/gi)].filter(({ index }) => depthAt(flat, index) === 0);
  if (/^update/i.test(flat) && sets.length === 0) return ["?"];
  return [...names, ...sets.flatMap(({ index, 0: set }) => assigned(flat.slice(index + set.length)))].map((name) =>
    /^\s*"?\w+"?\s*$/.test(name) ? name.replaceAll(/["\s]/g, "").toLowerCase() : "?",
  );
}

/** The left sides of the assignments that a text begins with. */
function assigned(text: string): string[] {
  let depth = 0;
  let piece = "";
  const pieces: string[] = [];
  for (const word of text.split(/(?<=[(),])|(?=[(),])|(?<=\s)/)) {
    if (depth === 0 && /^(from|where|returning)\s*$/i.test(word)) break;
    if (word === "(") depth += 1;
    if (word === ")") depth -= 1;
    if (depth === 0 && word === ",") {
      pieces.push(piece);
      piece = "";
    } else piece += word;
  }
  return [...pieces, piece].flatMap((one) => {
    const left = one.split("=")[0] ?? "";
    return left.trim().startsWith("(") ? left.replaceAll(/[()]/g, "").split(",") : [left];
  });
}

function depthAt(text: string, index: number): number {
  const before = text.slice(0, index);
  return before.split("(").length - before.split(")").length;
}

/** Whether a statement excludes the system user, or takes its rows from a part of the whole that does. */
function leavesOut(statement: string, whole: string, seen: readonly string[] = []): boolean {
  if (EXCLUDES.test(statement)) return true;
  const sources = [...statement.matchAll(/\b(?:from|join)\s+(\w+)(?:\s+\w+)?(?:\s*,\s*(\w+))?/gi)];
  return sources
    .flatMap(([, first = "", second = ""]) => [first, second])
    .some((name) => {
      if (name === "" || seen.includes(name)) return false;
      const part = CTE(name).exec(whole);
      return part !== null && leavesOut(extent(whole, part.index + part[0].length), whole, [...seen, name]);
    });
}

/** Puts into a text the constants of its file that it names, each as it was defined last before it. */
function expand(text: string, at: number, literals: readonly Literal[]): string {
  return text.replaceAll(/\$\{(\w+)\}/g, (hole, name: string) => {
    if (name === "SYSTEM_USER") return SYSTEM_USER;
    const constant = literals.findLast((literal) => literal.name === name && literal.at < at);
    return constant ? expand(constant.text, constant.at, literals) : hole;
  });
}
