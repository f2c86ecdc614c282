import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { prebuildd, prebuilddIntoClosedPipe } from "./command.ts";

const SNAPSHOT = JSON.stringify({
  presets: [
    {
      id: "p1",
      active: true,
      desired_instances: 1,
      scheduling: { timezone: "UTC", schedule: [{ cron: "* 9-18 * * 1-5", instances: 3 }] },
    },
  ],
});

describe("the command line", () => {
  it("shows every command in its help, on stdout, and that is no failure", async (t) => {
    const { code, stdout, stderr } = await prebuildd(t, ["--help"]);
    assert.equal(code, 0);
    assert.equal(stderr, "");
    const groups = ["migrate", "workspaces", "presets", "prebuilds", "templates", "token"];
    for (const command of [...groups, "run", "apply", "plan", "status", "claim"]) {
      assert.match(stdout, new RegExp(`^  ${command} `, "m"));
    }
  });

  const wrong: readonly [what: string, args: readonly string[], says: RegExp][] = [
    ["no command", [], /^Usage: prebuildd/],
    ["an unknown command", ["nope"], /unknown command 'nope'/],
    ["a group without its command", ["migrate"], /^Usage: prebuildd migrate/],
    ["an unknown option", ["status", "--bogus"], /unknown option '--bogus'/],
    ["an argument too many", ["plan", "extra"], /too many arguments/],
    ["a missing argument", ["workspaces", "show"], /missing required argument 'workspace'/],
    ["a missing option", ["token", "create"], /required option '--user <user>' not specified/],
    ["a number that is none", ["migrate", "down", "--to", "-1"], /must be a whole number from 0/],
    ["a wait that is too long", ["claim", "--wait", "5m"], /must be a duration such as 30s, up to 4m/],
    ["a preset without its template", ["presets", "pause", "--preset", "p"], /required option '--template <template>'/],
    [
      "days out of range",
      ["presets", "schedule", "--template", "t", "--preset", "p", "--days", "32"],
      /must be a whole number from 1 to 31/,
    ],
    ["--watch with --json", ["status", "--watch", "--json"], /^error: --watch does not go with --json/],
    ["--now without --snapshot", ["plan", "--now", "2025-06-02T09:00:00Z"], /--now goes with --snapshot/],
    ["an instant without its offset", ["plan", "--now", "2025-06-02T09:00:00"], /must be an instant with its offset/],
    [
      "a flag with a bad value",
      ["run", "--listen", "x", "--log-level", "loud"],
      /LISTEN is "x".*\n.*LOG_LEVEL is "loud"/,
    ],
    ["an apply file that is not there", ["apply", "-f", "gone.yaml"], /cannot read the apply file: ENOENT/],
    ["a snapshot that is not there", ["plan", "--snapshot", "gone.json"], /cannot read the snapshot: ENOENT/],
  ];
  for (const [what, args, says] of wrong) {
    it(`exits with 2 and says on stderr what is wrong, given ${what}`, async (t) => {
      const { code, stdout, stderr } = await prebuildd(t, args);
      assert.equal(stdout, "");
      assert.match(stderr, says);
      assert.equal(code, 2);
    });
  }

  it("lets a flag of run win over the environment", async (t) => {
    const { code, stderr } = await prebuildd(t, ["run", "--provisioners", "many"], {
      env: { PREBUILDD_PROVISIONERS: "3", PREBUILDD_SHUTDOWN_TIMEOUT: "soon" },
    });
    assert.equal(code, 2);
    assert.match(stderr, /^PREBUILDD_PROVISIONERS is "many"/m);
    assert.match(stderr, /^PREBUILDD_SHUTDOWN_TIMEOUT is "soon"/m);
  });

  it("does not mind that the reader of its output has gone", async () => {
    const { code, stderr } = await prebuilddIntoClosedPipe(["--help"]);
    assert.equal(stderr, "");
    assert.equal(code, 0);
  });
});

describe("plan --snapshot", () => {
  it("plans for the given time, from stdin, and prints one JSON document", async (t) => {
    const args = ["plan", "--snapshot", "-", "--json", "--now"];
    const during = await prebuildd(t, [...args, "2025-06-02T09:00:00Z"], { stdin: SNAPSHOT });
    assert.equal(during.code, 0);
    assert.equal(during.stderr, "");
    assert.deepEqual(JSON.parse(during.stdout).presets[0].actions, [
      { kind: "create", count: 3, reason: "below_target" },
    ]);
    const after = await prebuildd(t, [...args, "2025-06-02T19:01:00Z"], { stdin: SNAPSHOT });
    assert.equal(JSON.parse(after.stdout).presets[0].actions[0].count, 1);
  });

  it("says in words what would be done and why", async (t) => {
    const { stdout } = await prebuildd(t, ["plan", "--snapshot", "-", "--now", "2025-06-02T11:00:00+02:00"], {
      stdin: SNAPSHOT,
    });
    assert.equal(stdout, "p1: create 3 (below_target)\n  0 of 3 ready\n");
  });

  it("exits with 2 and names the path of each wrong field", async (t) => {
    const stdin = JSON.stringify({ presets: [{ id: "p1", active: "yes", desired_instances: -1 }] });
    const { code, stdout, stderr } = await prebuildd(t, ["plan", "--snapshot", "-", "--json"], { stdin });
    assert.equal(code, 2);
    assert.equal(stdout, "");
    assert.match(stderr, /^presets\[0\]\.active: /m);
    assert.match(stderr, /^presets\[0\]\.desired_instances: /m);
  });

  it("exits with 2 when the snapshot is not JSON", async (t) => {
    const { code, stderr } = await prebuildd(t, ["plan", "--snapshot", "-"], { stdin: "{" });
    assert.equal(code, 2);
    assert.match(stderr, /^the snapshot is not JSON: /);
  });
});
