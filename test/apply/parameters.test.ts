import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { ApplyDocument } from "../../src/apply/document.ts";
import { applyDocument } from "../../src/apply/execute.ts";
import { COMMAND_LINE } from "../../src/audit/entry.ts";
import { readDeclaredParameters } from "../../src/templates/parameter-store.ts";
import { startTestServer } from "../http/server.ts";
import { allRows, changes, devbox } from "./support.ts";

const PARAMETERS = [
  {
    name: "size",
    display_name: "Size",
    description: "How large the machine is.",
    options: [
      { name: "Small", value: "small" },
      { name: "As it comes", value: "plain" },
    ],
    mutable: false,
  },
  { name: "cores", type: "number", default: 2, validation: { min: 1, max: 64, regex: "^\\d+$", error: "whole ones" } },
];
const declaring = () => devbox({ parameters: PARAMETERS });

async function setUp(t: TestContext) {
  const server = await startTestServer(t);
  const apply = (given: ApplyDocument) =>
    applyDocument(server.context, given, { initiatorId: server.admin.id, actor: COMMAND_LINE });
  const versionOf = (result: Awaited<ReturnType<typeof apply>>) =>
    result.objects.find(({ kind }) => kind === "template_version")?.id ?? "";
  const shown = (versionId: string, as = server.admin) =>
    server.send("GET", `/api/v2/templateversions/${versionId}/rich-parameters`, { as });
  return { server, pool: server.pool, apply, versionOf, shown };
}

describe("the parameters that a template declares", () => {
  it("are stored with the version, in the order of the document", async (t) => {
    const { pool, apply, versionOf } = await setUp(t);
    const stored = await readDeclaredParameters(pool, versionOf(await apply(declaring())));
    assert.deepEqual(stored, [
      {
        name: "size",
        displayName: "Size",
        description: "How large the machine is.",
        type: "string",
        mutable: false,
        required: true,
        defaultValue: "",
        options: PARAMETERS[0]?.options,
        validation: { regex: "", min: null, max: null, error: "" },
      },
      {
        name: "cores",
        displayName: "",
        description: "",
        type: "number",
        mutable: true,
        required: false,
        defaultValue: "2",
        options: [],
        validation: { regex: "^\\d+$", min: 1, max: 64, error: "whole ones" },
      },
    ]);
  });

  it("are shown to those who see the template, and to nobody else", async (t) => {
    const { server, apply, versionOf, shown } = await setUp(t);
    const versionId = versionOf(await apply(declaring()));
    const rest = { display_name: "", description: "", validation_regex: "", validation_min: null };
    assert.deepEqual((await shown(versionId, server.alice)).json(), [
      {
        ...rest,
        name: "size",
        display_name: "Size",
        description: "How large the machine is.",
        type: "string",
        mutable: false,
        default_value: "",
        options: PARAMETERS[0]?.options,
        validation_max: null,
        validation_error: "",
        required: true,
      },
      {
        ...rest,
        name: "cores",
        type: "number",
        mutable: true,
        default_value: "2",
        options: [],
        validation_regex: "^\\d+$",
        validation_min: 1,
        validation_max: 64,
        validation_error: "whole ones",
        required: false,
      },
    ]);
    assert.equal((await shown(versionId, server.nobody)).statusCode, 404);
  });

  it("are an empty list for a version that declares none", async (t) => {
    const { apply, versionOf, shown } = await setUp(t);
    const answer = await shown(versionOf(await apply(devbox())));
    assert.deepEqual([answer.statusCode, answer.json()], [200, []]);
  });

  it("are not written again when the same document is applied again", async (t) => {
    const { pool, apply } = await setUp(t);
    await apply(declaring());
    const before = await allRows(pool);
    const again = await apply(declaring());
    assert.equal(again.changed, false);
    assert.deepEqual(await allRows(pool), before);
  });

  it("make a new version when they change, and leave those of the old one as they were", async (t) => {
    const { pool, apply, versionOf } = await setUp(t);
    const first = versionOf(await apply(declaring()));
    const before = await readDeclaredParameters(pool, first);
    const second = versionOf(await apply(devbox({ parameters: [{ name: "size" }, { name: "cores", default: "4" }] })));
    assert.notEqual(second, first);
    assert.deepEqual(await readDeclaredParameters(pool, first), before);
    assert.deepEqual(changes(await apply(declaring())), ["updated template default/devbox active_version"]);
    assert.deepEqual(await readDeclaredParameters(pool, first), before);
  });

  it("refuse a document whose presets they do not take, and name the parameter", async (t) => {
    const { server, pool } = await setUp(t);
    const before = await allRows(pool);
    const source = { hash: "a".repeat(64), archive: "AAAA" };
    const presets = [
      { name: "a", parameters: { size: "small" } },
      { name: "b", parameters: { size: "huge", cores: 65 } },
      { name: "c", prebuilds: { instances: 1 } },
    ];
    const json = { templates: [{ name: "t", provisioner: "command", source, parameters: PARAMETERS, presets }] };
    const answer = await server.send("PUT", "/api/v2/apply", { as: server.admin, json });
    assert.equal(answer.statusCode, 400);
    assert.deepEqual(answer.json().validations, [
      { field: "templates[0].presets[1].parameters.size", detail: "must be one of small, plain" },
      { field: "templates[0].presets[1].parameters.cores", detail: "must be at most 64" },
      {
        field: "templates[0].presets[2].parameters",
        detail: "size is missing: it has no default, so a value has to be given",
      },
    ]);
    assert.deepEqual(await allRows(pool), before);
  });
});
