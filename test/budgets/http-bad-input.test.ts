import assert from "node:assert/strict";
import { it } from "node:test";
import { fingerprint } from "../http/fingerprint.ts";
import { startTestServer, type TestServer } from "../http/server.ts";
import {
  bodyOf,
  givenGroup,
  groupBudget,
  groupsSpend,
  MOST,
  membersSpend,
  putGroup,
  putOverride,
  report,
  spendOf,
  userBudget,
  userSpend,
} from "./http-support.ts";

const JSON_TYPE = { "content-type": "application/json" };

/** What is no amount, as it stands in a body. */
const NO_AMOUNTS = [
  "-1",
  "-0.5",
  "1.5",
  "0.1",
  "1e-7",
  "9007199254740992",
  "9007199254740993",
  "18446744073709551616",
  "1e300",
  "-1e300",
  "1e999",
  '"5"',
  '""',
  "null",
  "true",
  "[5]",
  "{}",
];
/** What is no amount to whoever reads JSON. */
const NO_JSON = ["NaN", "Infinity", "0x10", "05", "+5", "5n", "1_000", ""];

/** The three ways to send an amount, each with what else its body needs. */
function amountRoutes(server: TestServer) {
  const groupId = JSON.stringify(server.defaultOrganizationId);
  const limit = (amount: string) => `"spend_limit_micros":${amount}`;
  return [
    ["PUT", userBudget("alice"), (amount: string) => `{"group_id":${groupId},${limit(amount)}}`, "spend_limit_micros"],
    ["PUT", groupBudget(server.defaultOrganizationId), (amount: string) => `{${limit(amount)}}`, "spend_limit_micros"],
    ["POST", userSpend("alice"), (amount: string) => `{"request_id":"r1","spend_micros":${amount}}`, "spend_micros"],
  ] as const;
}

it("GRP-05: an amount that is no whole number from 0 to 9007199254740991 is refused, and nothing is changed", async (t) => {
  const server = await startTestServer(t);
  const before = await fingerprint(server.pool);
  for (const [method, path, withAmount, field] of amountRoutes(server)) {
    const send = (amount: string) =>
      server.send(method, path, { as: server.admin, headers: JSON_TYPE, payload: withAmount(amount) });
    for (const amount of NO_AMOUNTS) {
      const { validations } = bodyOf(await send(amount), 400);
      assert.deepEqual(
        validations,
        [
          {
            field,
            detail: "a whole number of micros from 0 to 9007199254740991; a million of them are one dollar",
          },
        ],
        `${method} ${path} with ${amount}`,
      );
    }
    for (const amount of NO_JSON) bodyOf(await send(amount), 400);
  }
  assert.deepEqual(await fingerprint(server.pool), before);
});

it("an amount is stored and told exactly, however it is written", async (t) => {
  const server = await startTestServer(t);
  for (const [written, micros] of [
    ["0", 0],
    ["-0", 0],
    ["1", 1],
    ["1.0", 1],
    ["5e2", 500],
    ["9007199254740990", MOST - 1],
    ["9007199254740991", MOST],
    ["9007199254740991.0", MOST],
  ] as const) {
    for (const [method, path, withAmount, field] of amountRoutes(server).slice(0, 2)) {
      const payload = withAmount(written);
      const put = await server.send(method, path, { as: server.admin, headers: JSON_TYPE, payload });
      assert.equal(bodyOf(put)[field], micros);
      const read = await server.send("GET", path, { as: server.admin });
      assert.ok(read.body.includes(`"${field}":${micros},`), read.body);
    }
    assert.equal((await spendOf(server, "alice")).spend_limit_micros, micros);
    const path = groupsSpend(`group_ids=${server.defaultOrganizationId}`);
    const { groups } = bodyOf(await server.send("GET", path, { as: server.admin }));
    assert.equal(groups[0].spend_limit_micros, micros);
  }
});

it("BUD-07, BUD-08: a body that lacks a field, has one too many or is none at all is refused, and nothing is changed", async (t) => {
  const server = await startTestServer(t);
  const group_id = server.defaultOrganizationId;
  const before = await fingerprint(server.pool);
  for (const [method, path, good] of [
    ["PUT", userBudget("alice"), { group_id, spend_limit_micros: 5 }],
    ["PUT", groupBudget(group_id), { spend_limit_micros: 5 }],
    ["POST", userSpend("alice"), { request_id: "r1", spend_micros: 5 }],
  ] as const) {
    const send = (payload: string | undefined, headers: Record<string, string> = JSON_TYPE) =>
      server.send(method, path, { as: server.admin, headers, ...(payload === undefined ? {} : { payload }) });
    for (const field of Object.keys(good)) {
      const { validations } = bodyOf(await send(JSON.stringify({ ...good, [field]: undefined })), 400);
      assert.deepEqual(
        validations.map((one: { field: string }) => one.field),
        [field],
      );
    }
    const { validations } = bodyOf(await send(JSON.stringify({ ...good, currency: "EUR" })), 400);
    assert.deepEqual(validations, [{ field: "currency", detail: "there is no such field" }]);
    for (const payload of ["", "{", '{"spend_limit_micros":5', "[]", "null", "5", `[${JSON.stringify(good)}]`]) {
      bodyOf(await send(payload), 400);
    }
    bodyOf(await send(JSON.stringify(good), {}), 415);
    bodyOf(await send(JSON.stringify(good), { "content-type": "text/plain" }), 415);
    bodyOf(await send(undefined, {}), 400);
    bodyOf(await send(JSON.stringify({ ...good, note: "x".repeat(1_048_576) })), 413);
  }
  assert.deepEqual(await fingerprint(server.pool), before);
});

it("an id that is none is refused with the field that it stands in", async (t) => {
  const server = await startTestServer(t);
  const group = await givenGroup(server, [server.alice]);
  for (const id of ["", "x", "everyone", `${group}0`, group.replaceAll("-", ""), `{${group}}`, 5, null, [group]]) {
    const { validations } = bodyOf(await putOverride(server, "alice", id, 5), 400);
    assert.deepEqual(validations, [{ field: "group_id", detail: "must be the id of a group" }], JSON.stringify(id));
  }
  for (const id of ["x", "everyone", `${group}0`, "%27", "a".repeat(290)]) {
    for (const answer of [
      await server.send("GET", groupBudget(id), { as: server.admin }),
      await putGroup(server, id, 5),
      await server.send("DELETE", groupBudget(id), { as: server.admin }),
      await server.send("GET", membersSpend(id, `user_ids=${server.alice.id}`), { as: server.admin }),
    ]) {
      assert.ok([400, 404].includes(answer.statusCode), answer.body);
    }
  }
  for (const user of ["x%20y", "%27", "-", `${server.alice.id}0`, "a".repeat(290)]) {
    bodyOf(await report(server, user, 5), 404);
    bodyOf(await server.send("GET", userSpend(user), { as: server.admin }), 404);
    bodyOf(await putOverride(server, user, group, 5), 404);
  }
  const { validations } = bodyOf(await report(server, "alice%00", 5), 400);
  assert.equal(validations[0].field, "user");
});

it("a request id has from 1 to 128 characters that can be printed, without spaces", async (t) => {
  const server = await startTestServer(t);
  for (const id of [
    "",
    " ",
    "a b",
    "a\n",
    "a\t",
    "ä",
    "💸",
    "a\u0000",
    "a\u007f",
    "x".repeat(129),
    5,
    null,
    ["r1"],
    {},
  ]) {
    const { validations } = bodyOf(await report(server, "alice", 5, id), 400);
    assert.equal(validations[0].field, "request_id", JSON.stringify(id));
  }
  assert.equal((await spendOf(server, "alice")).current_spend_micros, 0);
  const good = [
    "x",
    "x".repeat(128),
    "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
    "'; drop table users; --".replaceAll(" ", ""),
  ];
  for (const [index, id] of good.entries()) {
    for (const _ of [1, 2]) assert.equal(bodyOf(await report(server, "alice", 1, id)).current_spend_micros, index + 1);
  }
});
