import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { moveTo, report } from "../budgets/http-support.ts";
import { givenUser } from "../http/server.ts";
import { startApi } from "./api.ts";

type Api = Awaited<ReturnType<typeof startApi>>;

/** The API in the middle of a month, with the group `crew` in which alice and the administrator are. */
async function givenCrew(t: TestContext): Promise<Api> {
  const api = await startApi(t);
  await moveTo(api, "2100-06-15T12:00:00Z");
  await print(api, "groups", "create", "crew");
  await print(api, "groups", "edit", "crew", "--add", "alice", "--add", "admin");
  return api;
}

/** Runs a command as the site owner that must succeed, and returns what it prints. */
async function print(api: Api, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await api.as(api.admin, ...args);
  assert.deepEqual([code, stderr], [0, ""], args.join(" "));
  return stdout;
}

const words = (api: Api, command: string) => print(api, ...command.split(" "));
const lines = async (api: Api, command: string) => (await words(api, command)).trimEnd().split("\n");
const json = async (api: Api, command: string) => JSON.parse(await words(api, `${command} --json`));

async function spend(api: Api, user: string, micros: number): Promise<void> {
  assert.equal((await report(api, user, micros)).statusCode, 200);
}

/** Checks that a command fails, and what it says. */
async function refuses(api: Api, user: { token: string }, command: string, code: number, says: RegExp) {
  const refused = await api.as(user, ...command.split(" "));
  assert.deepEqual([refused.code, refused.stdout], [code, ""], command);
  assert.match(refused.stderr, says, command);
}

describe("budgets", () => {
  it("sets, shows and takes away what each member of a group may spend", async (t) => {
    const api = await givenCrew(t);
    const set = await words(api, "budgets set $50 --group crew");
    assert.equal(set, "each member of default/crew may spend $50.00 on AI in a month\n");
    const shown = await words(api, "budgets show --group crew");
    assert.match(
      shown,
      /^group: default\/crew\nlimit: \$50\.00 a month for each member\nset: {3}2100-06-15T12:0.:..Z\n$/,
    );
    const { group_id: id, spend_limit_micros: limit } = await json(api, "budgets set 0.000001 --group crew");
    assert.equal(limit, 1);
    assert.equal((await json(api, `budgets show --group ${id}`)).spend_limit_micros, 1);
    assert.equal(await words(api, "budgets clear --group crew"), "group default/crew has no AI budget any more\n");
    await words(api, "groups create others --organization other");
    await words(api, "budgets set 9007199254.740991 --group others --organization other");
    const cleared = await json(api, "budgets clear --group others --organization other");
    assert.deepEqual([cleared.name, cleared.cleared], ["others", true]);
  });

  it("shows what counts for a user and what is left of it, one's own unless somebody is named", async (t) => {
    const api = await givenCrew(t);
    assert.deepEqual(await lines(api, "budgets show"), [
      "user:       admin",
      "own budget: none",
      "limit:      none",
      "counts for: default/Everyone",
      "spent:      $0.00",
      "until:      2100-07-01T00:00:00Z",
    ]);
    await words(api, "budgets set 50 --group crew");
    await words(api, "budgets set 20 --group Everyone");
    await spend(api, "alice", 3_200_001);
    const own = await api.as(api.alice, "budgets", "show");
    assert.deepEqual(own.stdout.split("\n"), [
      "user:       alice",
      "own budget: none",
      "limit:      $50.00 a month, which is the budget of default/crew",
      "counts for: default/crew",
      "spent:      $3.200001",
      "left:       $46.799999",
      "until:      2100-07-01T00:00:00Z",
      "",
    ]);
    const set = await words(api, "budgets set 2.5 --user alice@example.com --group crew");
    assert.equal(set, "alice may spend $2.50 on AI in a month, which counts for default/crew\n");
    assert.deepEqual((await lines(api, "budgets show --user alice")).slice(1), [
      "own budget: $2.50 a month",
      "limit:      $2.50 a month, which is their own budget",
      "counts for: default/crew",
      "spent:      $3.200001",
      "left:       $0.00; $0.700001 over the limit",
      "until:      2100-07-01T00:00:00Z",
    ]);
    const { budget, spend: spent } = await json(api, "budgets show --user alice");
    assert.deepEqual([budget.spend_limit_micros, spent.limit_source], [2_500_000, "user_override"]);
    assert.equal(
      await words(api, "budgets clear --user alice"),
      "alice has no AI budget of their own any more; those of their groups count again\n",
    );
    assert.equal((await json(api, "budgets show --user alice")).budget, null);
    assert.equal((await json(api, "budgets set 0 --user alice --group crew")).spend_limit_micros, 0);
    const cleared = { user_id: api.alice.id, username: "alice", cleared: true };
    assert.deepEqual(await json(api, "budgets clear --user alice"), cleared);
  });

  it("shows what a user has spent", async (t) => {
    const api = await givenCrew(t);
    await words(api, "budgets set 50 --group crew");
    await spend(api, "alice", 12_500_000);
    assert.deepEqual(await lines(api, "budgets spend --user alice"), [
      "user:   alice",
      "spent:  $12.50",
      "limit:  $50.00",
      "left:   $37.50",
      "period: 2100-06-01T00:00:00Z to 2100-07-01T00:00:00Z",
    ]);
    assert.equal((await json(api, "budgets spend --user alice")).current_spend_micros, 12_500_000);
    assert.match(await words(api, "budgets spend"), /^user: {3}admin\nspent: {2}\$0\.00\n/);
  });

  it("shows what the members of a group have spent, and for which group the spend of each counts now", async (t) => {
    const api = await givenCrew(t);
    await spend(api, "alice", 700_000);
    await words(api, "budgets set 50 --group crew");
    await words(api, "budgets set 10 --user alice --group crew");
    await spend(api, "alice", 2_000_001);
    assert.deepEqual(await lines(api, "budgets spend --group crew"), [
      "USERNAME  SPENT IN 2100-06   LIMIT        LEFT  WHOSE LIMIT  COUNTS FOR",
      "admin            $0.00      $50.00  $50.00      group        default/crew",
      "alice            $2.000001  $10.00   $7.999999  their own    default/crew",
    ]);
    assert.match(
      await words(api, "budgets spend --group Everyone"),
      /^alice +\$0\.70 +\$10\.00 +their own +default\/crew$/m,
    );
    const { members } = await json(api, "budgets spend --group crew");
    assert.equal(members.length, 2);
    const own = await api.as(api.alice, "budgets", "spend", "--group", "crew");
    assert.match(own.stdout, /^USERNAME .*\nalice .*\n$/, "a member sees their own only");
  });

  it("shows what counts for the groups of an organization, also for those for which nothing does", async (t) => {
    const api = await givenCrew(t);
    await words(api, "budgets set 50 --group crew");
    await spend(api, "alice", 2_000_000);
    await spend(api, "admin", 1_500_000);
    assert.deepEqual(await lines(api, "budgets spend --groups"), [
      "GROUP             SPENT IN 2100-06  LIMIT OF EACH MEMBER",
      "default/crew                 $3.50                $50.00",
      "default/Everyone             $0.00                  none",
    ]);
    assert.equal((await json(api, "budgets spend --groups")).groups.length, 2);
    assert.match(await words(api, "budgets spend --groups --organization other"), /^other\/Everyone /m);
    const none = await api.as(api.alice, "budgets", "spend", "--groups");
    assert.equal(none.stdout, "there are no groups whose spend you may see\n");
  });

  it("shows all members and groups where there are more than one answer holds", async (t) => {
    const api = await givenCrew(t);
    await api.pool.query(
      `with person as (
         insert into users (username, email) select 'person-' || n, n || '@example.com' from generate_series(1, 205) n
         returning id)
       insert into organization_members (organization_id, user_id) select $1, id from person`,
      [api.defaultOrganizationId],
    );
    await api.pool.query(
      "insert into groups (organization_id, name) select $1, 'group-' || n from generate_series(1, 100) n",
      [api.defaultOrganizationId],
    );
    const { members } = await json(api, "budgets spend --group Everyone");
    assert.equal(new Set(members.map(({ user_id }: { user_id: string }) => user_id)).size, 207);
    assert.match(await words(api, "budgets spend --group Everyone"), /^person-205 /m);
    assert.equal((await json(api, "budgets spend --groups")).groups.length, 102);
  });

  it("says for which month there is nothing where nobody is in a group", async (t) => {
    const api = await givenCrew(t);
    await words(api, "groups create empty");
    const period = { period_start: "2100-06-01T00:00:00.000Z", period_end: "2100-07-01T00:00:00.000Z" };
    assert.deepEqual(await json(api, "budgets spend --group empty"), { ...period, members: [] });
    const said = await words(api, "budgets spend --group empty");
    assert.equal(said, "there is nobody in default/empty whose spend you may see\n");
  });

  it("calls a group that may not be seen by its id", async (t) => {
    const api = await givenCrew(t);
    await words(api, "budgets set 50 --group crew");
    const limited = await givenUser(api, { siteRoles: ["owner"], scopes: ["user:read"] });
    const { stdout } = await api.as(limited, "budgets", "show", "--user", "alice");
    assert.match(stdout, /^counts for: [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/m);
  });

  it("says why it did nothing, and what to do", async (t) => {
    const api = await givenCrew(t);
    await words(api, "groups create ops");
    await words(api, "groups create others --organization other");
    await words(api, "budgets set 50 --group crew");
    for (const [command, says] of [
      [
        "show --group ops",
        /^error: group default\/ops has no AI budget; give it one with `budgets set AMOUNT --group ops`$/m,
      ],
      ["show --group others --organization other", / AMOUNT --group others --organization other`$/m],
      [
        "show --group x --organization other",
        /no group other\/x, or you may not see it; see `groups list --organization other`$/m,
      ],
      [
        "show --group 00000000-0000-4000-8000-000000000000",
        /there is no group 0.*, or you may not see it; see `groups list`$/m,
      ],
      ["show --user x", /^error: there is no user x, or you may not see them; see `users list`$/m],
      [
        "spend --groups --organization x",
        /there is no organization x, or you may not see it; see `organizations list`$/m,
      ],
      ["set 5 --user alice --group ops", /^error: alice is not in the group default\/ops: .*\n {2}group_id: /],
      ["clear --group ops", /^error: group default\/ops has no AI budget$/m],
      ["clear --user alice", /^error: alice has no AI budget of their own; see `budgets show --user alice`$/m],
    ] as const) {
      await refuses(api, api.admin, `budgets ${command}`, 1, says);
    }
    await words(api, "budgets set 5 --user alice --group crew");
    const rights =
      /^error: you may not change the AI budget of alice: it needs the rights user:update, and group:update/;
    for (const [command, says] of [
      ["set 100 --user me --group crew", rights],
      ["clear --user me", rights],
      ["set 100 --group crew", /you may not change the AI budget of default\/crew: it needs the right group:update$/m],
      ["clear --group crew", /you may not change the AI budget of default\/crew: it needs the right group:update$/m],
      ["spend --user admin", /there is no user admin, or you may not see them/],
    ] as const) {
      await refuses(api, api.alice, `budgets ${command}`, 1, says);
    }
    assert.equal((await json(api, "budgets show --user alice")).budget.spend_limit_micros, 5_000_000);
    assert.equal((await json(api, "budgets show --group crew")).spend_limit_micros, 50_000_000);
  });

  it("exits with 2 and changes nothing, given an amount or options that make no sense", async (t) => {
    const api = await givenCrew(t);
    for (const amount of ["-5", "1,000", "0.0000001", "9007199254.740992", "five", "1e3"]) {
      await refuses(
        api,
        api.admin,
        `budgets set ${amount} --group crew`,
        2,
        /It must be dollars such as 50, 12\.50 or /,
      );
    }
    for (const [command, says] of [
      ["set 5", /required option '--group <group>' not specified/],
      ["set 5 --user alice", /required option '--group <group>' not specified/],
      ["set --group crew", /missing required argument 'amount'/],
      ["clear", /^error: say whose budget to take away: either --group or --user$/m],
      ["clear --group crew --user alice", /^error: say whose budget to take away: either --group or --user$/m],
      ["clear --user alice --organization other", /^error: --organization goes with --group$/m],
      ["show --user alice --group crew", /^error: --user does not go with --group$/m],
      ["show --organization other", /^error: --organization goes with --group$/m],
      ["spend --user alice --groups", /^error: --user, --group and --groups do not go together$/m],
      ["spend --group crew --groups", /^error: --user, --group and --groups do not go together$/m],
      ["spend --organization other", /^error: --organization goes with --group or --groups$/m],
    ] as const) {
      await refuses(api, api.admin, `budgets ${command}`, 2, says);
    }
    await refuses(api, api.admin, "budgets show --group crew", 1, /has no AI budget/);
  });
});
