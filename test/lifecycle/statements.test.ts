import assert from "node:assert/strict";
import { test } from "node:test";
import { SYSTEM_USER } from "../../src/system-user.ts";
import { writersIn, writersInSource } from "./statements.ts";

const brief = (writers: ReturnType<typeof writersIn>) =>
  writers.map(({ begins, columns, excludes }) => `${begins}: ${columns}${excludes ? "" : " of all"}`);

test("a statement that writes to the lifecycle is found however it is written", () => {
  for (const [sql, found] of [
    ["update workspaces set ttl = $1", ["update workspaces: ttl of all"]],
    ["UPDATE\n  Workspaces  AS w\nSET\n  ttl=1,\n  name = 'x'", ["update Workspaces: ttl of all"]],
    [`update only public."workspaces" w set "ttl" = 1`, ["update workspaces: ttl of all"]],
    ["update workspaces set (name, ttl) = ($1, $2)", ["update workspaces: ttl of all"]],
    ["with a as (select 1), b as (update workspaces w set ttl = 1 from a) select 1", ["update workspaces: ttl of all"]],
    ["insert into workspaces (id, ttl) values ($1, $2)", ["insert into workspaces: ttl of all"]],
    [
      "insert into workspaces (id) values ($1) on conflict (id) do update set ttl = 1",
      ["insert into workspaces: ttl of all"],
    ],
    ["insert into workspaces select * from old", ["insert into workspaces: ? of all"]],
    ["insert into workspace_builds (id, deadline) select 1, 2", ["insert into workspace_builds: deadline of all"]],
    [
      "merge into workspaces w using x on true when matched then update set ttl = 1",
      ["merge into workspaces: ? of all"],
    ],
    ["copy workspaces from stdin", ["copy workspaces: ? of all"]],
    ["update workspaces set name = 'x', updated_at = greatest(ttl, 1) where ttl = 1", []],
    ["update templates set ttl = 1; update workspace_builds set updated_at = now() where deadline = $1", []],
    ["select from workspaces w where true for no key update of w", []],
  ] as const) {
    assert.deepEqual(brief(writersIn(sql)), found, sql);
  }
});

test("it leaves out the system user when it says so itself, or by the part that it takes its rows from", () => {
  const ours = `w.owner_id <> ${SYSTEM_USER}`;
  for (const [sql, excludes] of [
    [`update workspaces w set ttl = 1 where ${ours}`, true],
    [`update workspaces w set ttl = 1 where w.owner_id = ${SYSTEM_USER}`, false],
    ["update workspaces w set ttl = 1 where w.owner_id <> $1", false],
    [`with a as (select id from workspaces w where ${ours}) update workspaces w set ttl = 1 from a`, true],
    [`with a as (select id from workspaces w where ${ours}) update workspaces w set ttl = 1`, false],
    [`with a as (select 1), b as (select from a where ${ours}) update workspaces set ttl = 1 from a`, false],
    [`with a as (select 1 where ${ours}), b as (update workspaces set ttl = 1) select from a`, false],
  ] as const) {
    assert.deepEqual(
      writersIn(sql).map((writer) => writer.excludes),
      [excludes],
      sql,
    );
  }
});

test("statements are found in sources, in strings within strings too, and with what is put into them", () => {
  const found = writersInSource(`
    // update workspaces set ttl = 1
    /* "update workspaces set ttl = 2" */
    const divided = "a".length / 2 / 1;
    const quote = /["'\`/]/.test("x") || / \\/\`/.test("y");
    const OURS = \`owner_id <> \${SYSTEM_USER}\`;
    const VALUE = "dormant_at = now()";
    export const one = (on: boolean) => query(\`select \${on ? \`update workspaces set ttl = 3 where \${OURS}\` : "{"}\`);
    const two = 'update workspaces set deleting_at = 4';
    const three = \`update workspaces set \${VALUE}, next_start_at = \${f({ a: "}" })} where id = $1\`;
    const four = \`update \${table} set ttl = 5\`;
    const five = \`update workspaces set \${column} = $1\`;`);
  assert.deepEqual(brief(found), [
    "update workspaces: ttl",
    "update workspaces: deleting_at of all",
    "update workspaces: dormant_at,next_start_at of all",
    "update ${: ttl of all",
    "update workspaces: ? of all",
  ]);
});
