import { type Command, InvalidArgumentError } from "commander";
import { parseDuration } from "../duration.ts";
import type { TokenView } from "../users/tokens/view.ts";
import { openClient } from "./client.ts";
import { type Io, printJson, printLines } from "./io.ts";
import { readAll } from "./pages.ts";
import { repeated } from "./repeated.ts";
import { formatTable } from "./table.ts";
import { instantText, oneLine } from "./words.ts";

const WHOSE = "whose: an id, a username, an e-mail address, or `me`";

type Options = { readonly user: string; readonly json?: boolean };

/** Adds `tokens list|create|revoke`. */
export function addTokensCommand(program: Command, io: Io): void {
  const tokens = program.command("tokens").description("list, make and revoke tokens for the API");
  addList(tokens, io);
  addCreate(tokens, io);
  addRevoke(tokens, io);
}

function addList(tokens: Command, io: Io): void {
  tokens
    .command("list")
    .description("list the tokens of a user, the newest first; secrets cannot be shown")
    .option("--user <user>", WHOSE, "me")
    .option("--json", "print them as JSON")
    .action(async ({ user, json }: Options) => {
      const found = await readAll<TokenView>(await openClient(io), `${pathOf(user)}/tokens`);
      if (json) printJson(io, found);
      else printLines(io, found.length === 0 ? ["there are no tokens"] : formatTable(HEADINGS, found.map(rowOf)));
    });
}

type CreateOptions = Options & {
  readonly name: string;
  readonly lifetime?: number;
  readonly scope?: readonly string[];
  readonly allow?: readonly string[];
};

function addCreate(tokens: Command, io: Io): void {
  tokens
    .command("create")
    .description("make a token and print it; it cannot be shown again")
    .option("--user <user>", WHOSE, "me")
    .option("--name <name>", "what to call the token", "cli")
    .option("--lifetime <duration>", "how long it works, such as 30d; for ever unless given", lifetime)
    .option("--scope <scope>", "what it may be used for, such as workspace:read; may be given more than once", repeated)
    .option(
      "--allow <thing>",
      "what it may be used on, such as template:ID or workspace:*; may be given more than once",
      repeated,
    )
    .option("--json", "print it as JSON")
    .action(async ({ user, name, lifetime: seconds, scope, allow, json }: CreateOptions) => {
      const client = await openClient(io);
      const body = { token_name: name, lifetime_seconds: seconds, scopes: scope, allow_list: allow };
      const made = await client.send<{ key: string }>("POST", `${pathOf(user)}/tokens`, JSON.stringify(body));
      if (json) printJson(io, made);
      else printLines(io, [made.key]);
    });
}

function addRevoke(tokens: Command, io: Io): void {
  tokens
    .command("revoke")
    .description("revoke a token; within five seconds it is of no use any more")
    .argument("<id>", "the first half of the token, as `tokens list` shows it")
    .option("--user <user>", WHOSE, "me")
    .option("--json", "print what was revoked as JSON")
    .action(async (id: string, { user, json }: Options) => {
      const client = await openClient(io);
      const path = `${pathOf(user)}/${encodeURIComponent(id)}`;
      const token = await client.get<TokenView>(path);
      await client.send<undefined>("DELETE", path);
      if (json) printJson(io, token);
      else printLines(io, [`revoked token ${[token.id, oneLine(token.token_name)].filter(Boolean).join(" ")}`]);
    });
}

const pathOf = (user: string): string => `/users/${encodeURIComponent(user)}/keys`;

function lifetime(given: string): number {
  const ms = parseDuration(given);
  if (ms !== undefined && ms >= 1_000) return Math.floor(ms / 1_000);
  throw new InvalidArgumentError("It must be a duration such as 90s, 12h or 30d, of at least a second.");
}

const HEADINGS = ["ID", "NAME", "SCOPES", "ALLOWED ON", "LAST USED", "EXPIRES"];

function rowOf(token: TokenView): string[] {
  return [
    token.id,
    oneLine(token.token_name),
    token.scopes.join(","),
    token.allow_list.join(","),
    token.last_used === null ? "never" : instantText(token.last_used),
    token.expires_at === null ? "never" : instantText(token.expires_at),
  ];
}
