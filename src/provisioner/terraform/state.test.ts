import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  addressesIn,
  agentsOf,
  chooseState,
  hasResources,
  orphansOf,
  parseState,
  type State,
  unknownTo,
} from "./state.ts";

type Instance = { index_key?: unknown; attributes?: unknown };

const resource = (name: string, ...instances: Instance[]) => ({ mode: "managed", type: "vm", name, instances });
const withId = (id: string, index_key?: unknown): Instance => ({
  attributes: { id },
  ...(index_key === undefined ? {} : { index_key }),
});

const stateWith = (over: Partial<State> = {}): State => ({
  version: 4,
  serial: 3,
  lineage: "ours",
  resources: [],
  ...over,
});
const bytes = (state: unknown) => Buffer.from(JSON.stringify(state));
const left = (state: unknown, over: { kept?: boolean; goesOn?: boolean } = {}) => ({
  state: bytes(state),
  kept: false,
  goesOn: false,
  ...over,
});

describe("a state", () => {
  const unusable = {
    "that is empty": "",
    "that is not JSON": '{"version": 4',
    "that is not an object": "[]",
    "of another version": JSON.stringify({ ...stateWith(), version: 3 }),
    "without a lineage": JSON.stringify({ ...stateWith(), lineage: undefined }),
    "whose serial is no number": JSON.stringify({ ...stateWith(), serial: "3" }),
    "whose resources are none": JSON.stringify({ ...stateWith(), resources: [{}] }),
  };
  for (const [what, text] of Object.entries(unusable)) {
    test(`${what} is none`, () => {
      assert.equal(parseState(Buffer.from(text)), undefined);
    });
  }

  test("that is no UTF-8 is none", () => {
    assert.equal(parseState(Buffer.from([0xff, 0xfe])), undefined);
  });

  test("keeps what is not read here", () => {
    const state = { ...stateWith(), outputs: { a: 1 } };
    assert.deepEqual(parseState(bytes(state)), state);
  });

  test("holds something only when a managed resource has an instance", () => {
    assert.equal(hasResources(stateWith()), false);
    assert.equal(hasResources(stateWith({ resources: [resource("a")] })), false);
    const data = { ...resource("a", withId("1")), mode: "data" };
    assert.equal(hasResources(stateWith({ resources: [data] })), false);
    assert.equal(hasResources(stateWith({ resources: [resource("a", withId("1"))] })), true);
  });
});

describe("a build starts from", () => {
  const stored = bytes(stateWith());
  const later = stateWith({ serial: 4 });

  test("the stored state when nothing was left", () => {
    const none = { state: null, kept: false, goesOn: true };
    assert.deepEqual(chooseState(stored, none), { state: stored, adopted: false, orphans: null });
    assert.deepEqual(chooseState(null, none), { state: null, adopted: false, orphans: null });
  });

  test("what was left when it went on from what is stored, be it nothing", () => {
    for (const from of [stored, null]) {
      const choice = chooseState(from, left(later, { goesOn: true }));
      assert.deepEqual(choice, { state: bytes(later), adopted: true, orphans: null });
    }
  });

  for (const [what, from, state, goesOn] of [
    ["is the same", stored, stateWith(), false],
    ["came before it", stored, stateWith({ serial: 2 }), true],
    ["went another way, however far", stored, stateWith({ serial: 99 }), false],
    ["is of another lineage, however far", stored, stateWith({ serial: 99, lineage: "theirs" }), false],
    ["went on from a state that was deleted since", null, later, false],
  ] as const) {
    test(`what is stored when what was left ${what}`, () => {
      assert.deepEqual(chooseState(from, left(state, { goesOn })), { state: from, adopted: false, orphans: null });
    });
  }

  test("what is stored when what was left cannot be read", () => {
    const choice = chooseState(stored, { state: Buffer.from("garbage"), kept: false, goesOn: true });
    assert.deepEqual(choice, { state: stored, adopted: false, orphans: null });
  });

  test("nothing when something was left and what is stored cannot be read", () => {
    assert.equal(chooseState(Buffer.from("garbage"), left(later)), undefined);
  });
});

describe("orphans", () => {
  const known = stateWith({ resources: [resource("a", withId("1")), resource("b", withId("1", 0), withId("2", 1))] });

  test("are what the stored state does not know by its id", () => {
    const theirs = stateWith({
      lineage: "theirs",
      resources: [
        resource("a", withId("9")),
        resource("b", withId("1", 0), withId("8", 1), withId("3", 2)),
        { ...resource("c", withId("7")), mode: "data" },
      ],
    });
    assert.deepEqual(orphansOf(theirs, known)?.resources, [
      resource("a", withId("9")),
      resource("b", withId("8", 1), withId("3", 2)),
    ]);
  });

  test("are none of those that are known with another address, which a count or a move has given them", () => {
    const moved = [
      resource("a", withId("1", 0)),
      resource("renamed", withId("2")),
      { ...resource("a", withId("1")), module: "module.m", provider: 'module.m.provider["example.com/vm"]' },
    ];
    const living = stateWith({
      resources: [...known.resources, { ...resource("x", withId("1")), provider: 'provider["example.com/vm"].west' }],
    });
    assert.equal(orphansOf(stateWith({ lineage: "theirs", resources: moved }), living), null);
  });

  test("are those whose id only something of another type or provider has", () => {
    const others = [
      { ...resource("a", withId("1")), type: "disk" },
      { ...resource("a", withId("1")), provider: 'provider["example.com/other"]' },
    ];
    const theirs = stateWith({ lineage: "theirs", resources: others });
    assert.deepEqual(orphansOf(theirs, known)?.resources, others);
  });

  test("are told by their address when they have no id", () => {
    const nameless = (name: string) => resource(name, { attributes: { size: 1 } });
    const theirs = stateWith({ lineage: "theirs", resources: [nameless("a"), nameless("c")] });
    assert.deepEqual(orphansOf(theirs, known)?.resources, [nameless("c")]);
  });

  test("are none when everything is known, or was when it was left", () => {
    assert.equal(orphansOf(known, known), null);
    const earlier = stateWith({ serial: 2, resources: [resource("a", withId("0"))] });
    assert.equal(chooseState(bytes(known), left(earlier, { kept: true }))?.orphans, null);
    assert.deepEqual(chooseState(bytes(known), left(earlier))?.orphans?.resources, earlier.resources);
  });
});

test("the agents of a state are its coder_agent resources that have an id and a token", () => {
  const agent = (name: string, attributes: unknown) => ({ ...resource(name, { attributes }), type: "coder_agent" });
  const state = stateWith({
    resources: [agent("main", { id: "1", token: "t" }), agent("half", { id: "2" }), resource("vm", withId("3"))],
  });
  assert.deepEqual(agentsOf(state), [{ name: "main", id: "1", token: "t" }]);
  assert.deepEqual(agentsOf(undefined), []);
});

describe("when no build is there to go on from left states", () => {
  const stored = bytes(stateWith({ resources: [resource("a", withId("1"))] }));
  const further = stateWith({ serial: 9, resources: [resource("a", withId("1")), resource("b", withId("2"))] });
  const addressesOf = (states: readonly State[] | undefined) => states?.map(addressesIn);

  test("what the stored one does not know is to be destroyed, also of a further one", () => {
    assert.deepEqual(addressesOf(unknownTo(stored, [left(further)])), [["vm.b"]]);
    assert.deepEqual(addressesOf(unknownTo(null, [left(further)])), [["vm.a", "vm.b"]]);
    assert.deepEqual(unknownTo(bytes(further), [left(stateWith()), { state: null, kept: false }]), []);
  });

  test("what was stored once is not, for later ones have gone on from there", () => {
    assert.deepEqual(unknownTo(stored, [left(further, { kept: true })]), []);
  });

  test("what two of them know is named once", () => {
    const both = stateWith({ resources: [resource("b", withId("2")), resource("c", withId("3"))] });
    assert.deepEqual(addressesOf(unknownTo(stored, [left(further), left(both)])), [["vm.b"], ["vm.c"]]);
  });

  test("nothing is said of what a stored one knows that cannot be read", () => {
    assert.equal(unknownTo(Buffer.from("garbage"), [left(further)]), undefined);
  });
});
