import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { findViolations } from "./check.ts";
import { createLedger, type Ledger, type Promised, promise } from "./ledger.ts";
import { planRound } from "./plan.ts";
import type { StoredWorkspace } from "./store.ts";
import type { Outside } from "./world.ts";

const ANNS: Promised = { id: "w1", user: "ann", name: "dev", claimed: true, wish: "running" };
const STORED: StoredWorkspace = {
  id: "w1",
  owner: "ann",
  name: "dev",
  deleted: false,
  transition: "start",
  status: "succeeded",
  stage: "claim",
};

/** Everything as it should be, but for what a test says. */
function given(
  change: {
    promised?: readonly Promised[];
    stored?: readonly StoredWorkspace[];
    things?: [string, { owner: string | undefined; pid: number | undefined }][];
    machines?: number[];
    executables?: string[];
  } = {},
): [Ledger, Map<string, StoredWorkspace>, Outside] {
  const ledger = createLedger();
  for (const promised of change.promised ?? [ANNS]) ledger.workspaces.set(promised.id, promised);
  const stored = new Map((change.stored ?? [STORED]).map((workspace) => [workspace.id, workspace]));
  const outside = {
    things: new Map(change.things ?? [["w1", { owner: "ann", pid: 7 }]]),
    machines: new Set(change.machines ?? [7]),
    executables: change.executables ?? [],
  };
  return [ledger, stored, outside];
}

describe("the check after a round", () => {
  it("finds nothing when everybody has what they were promised", () => {
    assert.deepEqual(findViolations(...given()), []);
    const gone = given({
      promised: [{ ...ANNS, wish: "deleted" }],
      stored: [{ ...STORED, deleted: true, transition: "delete" }],
      things: [],
      machines: [],
    });
    assert.deepEqual(findViolations(...gone), []);
  });

  const cases: [string, ReturnType<typeof given>, RegExp][] = [
    ["a lost workspace", given({ stored: [], things: [], machines: [] }), /^workspace w1 of ann is lost$/],
    [
      "one that is somebody else's",
      given({ stored: [{ ...STORED, owner: "ben" }], things: [["w1", { owner: "ben", pid: 7 }]] }),
      /w1 of ann is ben's/,
    ],
    ["another name", given({ stored: [{ ...STORED, name: "other" }] }), /is called other, not dev/],
    [
      "a wish that was not granted",
      given({ promised: [{ ...ANNS, wish: "stopped" }] }),
      /w1 is to be stopped: start succeeded/,
    ],
    [
      "one request with two workspaces",
      given({
        promised: [ANNS, { ...ANNS, id: "w2" }],
        stored: [STORED, { ...STORED, id: "w2" }],
        things: [
          ["w1", { owner: "ann", pid: 7 }],
          ["w2", { owner: "ann", pid: 8 }],
        ],
        machines: [7, 8],
      }),
      /^the request for dev was answered with two workspaces$/,
    ],
    ["what nobody was told of", given({ promised: [] }), /^ann has dev \(w1\), of which nobody was told$/],
    ["a workspace that is not there", given({ things: [], machines: [] }), /w1 \(start\) is not there/],
    ["one that is off", given({ things: [["w1", { owner: "ann", pid: undefined }]], machines: [] }), /is off after/],
    ["one that was never claimed", given({ things: [["w1", { owner: "prebuilds", pid: 7 }]] }), /believes to be/],
    [
      "what a deletion has left",
      given({ promised: [{ ...ANNS, wish: "deleted" }], stored: [{ ...STORED, deleted: true }] }),
      /^workspace w1 is deleted, and still there$/,
    ],
    ["a process too many", given({ machines: [7, 9] }), /^process 9 is an orphan$/],
    [
      "what no workspace stands for",
      given({
        things: [
          ["w1", { owner: "ann", pid: 7 }],
          ["w9", { owner: "ann", pid: undefined }],
        ],
      }),
      /^what is there of w9 is an orphan$/,
    ],
    ["an executable", given({ executables: ["12 (sh start) of workspace w1"] }), /^an executable is still running: 12/],
  ];
  for (const [what, state, message] of cases) {
    it(`finds ${what}, and nothing else`, () => {
      const found = findViolations(...state);
      assert.equal(found.length, 1, found.join("\n"));
      assert.match(found[0] ?? "", message);
    });
  }

  it("finds a workspace that was given to two people when the second is told", () => {
    const ledger = createLedger();
    for (const user of ["ann", "ben"]) promise(ledger, { id: "w1", user, name: "dev", claimed: true });
    assert.deepEqual(ledger.violations, ["workspace w1 was given to ann as dev and to ben as dev"]);
  });
});

describe("the plan of a round", () => {
  it("is the same for the same seed and number, and another one for others", () => {
    assert.deepEqual(planRound(7, 31), planRound(7, 31));
    assert.notDeepEqual(planRound(7, 31), planRound(7, 32));
    assert.notDeepEqual(planRound(7, 31), planRound(8, 31));
  });

  it("has faults of every kind within a hundred rounds, all of them while there is load", () => {
    const rounds = Array.from({ length: 100 }, (_, number) => planRound(1, number));
    const faults = rounds.flatMap((round) => round.faults);
    assert.equal(new Set(faults.map((fault) => (fault.kind === "driver" ? fault.mode : fault.kind))).size, 13);
    for (const round of rounds) assert.ok(round.faults.every(({ atMs }) => atMs >= 0 && atMs < round.loadMs));
  });
});
