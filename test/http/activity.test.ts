import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { recordUse } from "../../src/workspaces/dormancy-store.ts";
import { newEntries } from "./effects.ts";
import {
  after,
  givenClaimable,
  givenLifecycle,
  givenOwned,
  HOUR,
  MINUTE,
  MONDAY,
  setDeadlines,
  setTemplate,
} from "./lifecycle.ts";
import { countStatements, givenUser } from "./server.ts";

async function given(t: Parameters<typeof givenLifecycle>[0], settings?: Readonly<Record<string, unknown>>) {
  const world = await givenLifecycle(t, settings);
  const { server, dev } = world;
  const use = (id = dev.id, as = server.alice) => server.send("POST", `/api/v2/workspaces/${id}/usage`, { as });
  return { ...world, use };
}

describe("the use of a workspace", () => {
  it("TV-7 172: makes a deadline that has passed one in an hour, and sets no latest one", async (t) => {
    const { server, dev, use, stored, setTime } = await given(t);
    await setDeadlines(server, dev.buildId, after(HOUR));
    await newEntries(server);
    setTime(2 * HOUR);
    assert.equal((await use()).statusCode, 204);
    const { last_used_at, deadline, latest_deadline, max_deadline } = await stored();
    assert.deepEqual(
      [last_used_at, deadline, latest_deadline, max_deadline],
      [after(2 * HOUR), after(3 * HOUR), after(3 * HOUR), null],
    );
    assert.deepEqual(await newEntries(server), [], "nothing is changed by being used");
  });

  it("puts nothing off beyond the latest deadline, nor when there is enough left or nothing to put off", async (t) => {
    const { server, template, use, stored, setTime } = await given(t, { activity_bump: 2 * HOUR * 1e6 });
    setTime(HOUR);
    for (const [deadline, maxDeadline, expected] of [
      [after(HOUR), after(2 * HOUR), after(2 * HOUR)],
      [after(2 * HOUR), undefined, after(3 * HOUR)],
      [after(3 * HOUR - MINUTE), undefined, after(3 * HOUR - MINUTE)],
      [after(8 * HOUR), undefined, after(8 * HOUR)],
      [undefined, undefined, null],
    ] as const) {
      const dates = { ...(deadline && { deadline }), ...(maxDeadline && { maxDeadline }) };
      const name = `w-${Number(deadline)}-${Number(maxDeadline ?? 0)}`.replace("NaN", "none");
      const { id } = await givenOwned(server, template, { name, ...dates });
      assert.equal((await use(id)).statusCode, 204);
      const now = await stored(id);
      assert.deepEqual(
        [now.deadline, now.max_deadline, now.last_used_at],
        [expected, maxDeadline ?? null, after(HOUR)],
      );
    }
  });

  it("prolongs nothing where the template says so, and nothing that does not run", async (t) => {
    const { server, template, dev, use, stored, setTime } = await given(t, { activity_bump: 0 });
    await setDeadlines(server, dev.buildId, after(2 * HOUR));
    const stopped = await givenOwned(server, template, { name: "stopped", transition: "stop" });
    setTime(2 * HOUR);
    assert.equal((await use()).statusCode, 204);
    assert.deepEqual((await stored()).deadline, after(2 * HOUR));
    await setTemplate(server, template, { activity_bump: HOUR * 1e6 });
    assert.equal((await use(stopped.id)).statusCode, 204);
    const { deadline, last_used_at } = await stored(stopped.id);
    assert.deepEqual([deadline, last_used_at], [null, after(2 * HOUR)]);
  });

  it("means nothing to a prebuild, and counts from the claim on", async (t) => {
    const { server, template, use, stored, setTime } = await given(t);
    const prebuild = await givenClaimable(server, template);
    const rows = async () =>
      (
        await server.pool.query(
          "select w.xmin::text, b.xmin::text as build from workspaces w join workspace_builds b on b.id = w.latest_build_id where w.id = $1",
          [prebuild.id],
        )
      ).rows;
    const before = await rows();
    setTime(HOUR);
    assert.equal((await use(prebuild.id, server.admin)).statusCode, 204);
    assert.equal((await use(prebuild.id)).statusCode, 404, "who does not see it");
    assert.deepEqual(await rows(), before);
    await prebuild.claim();
    setTime(2 * HOUR);
    assert.equal((await use(prebuild.id)).statusCode, 204);
    assert.deepEqual((await stored(prebuild.id)).last_used_at, after(2 * HOUR));
  });

  it("is told also by those with whom it is shared, and by nobody else", async (t) => {
    const { server, dev, use, stored, setTime } = await given(t);
    const [guest, stranger] = [await givenUser(server), await givenUser(server)];
    await server.pool.query("update workspaces set user_acl = $2 where id = $1", [dev.id, { [guest.id]: "use" }]);
    setTime(HOUR);
    assert.equal((await use(dev.id, stranger)).statusCode, 404);
    assert.equal((await use(dev.id, guest)).statusCode, 204);
    assert.deepEqual((await stored()).last_used_at, after(HOUR));
  });

  it("is refused while it is dormant", async (t) => {
    const { server, dev, use, stored, setTime } = await given(t);
    await setDeadlines(server, dev.buildId, after(HOUR));
    await server.pool.query("update workspaces set dormant_at = $1", [MONDAY]);
    setTime(HOUR);
    const answer = await use();
    assert.deepEqual([answer.statusCode, /activate it first/.test(answer.body)], [409, true], answer.body);
    const late = { deadline: after(2 * HOUR), now: after(HOUR) };
    const ids = { workspaceId: dev.id, buildId: dev.buildId };
    assert.equal(await recordUse(server.pool, ids, late), false, "it has become dormant since it was read");
    assert.deepEqual([(await stored()).last_used_at, (await stored()).deadline], [MONDAY, after(HOUR)]);
  });

  it("takes two statements beside those that say who asks", async (t) => {
    const { server, dev, use } = await given(t);
    await setDeadlines(server, dev.buildId, after(HOUR / 2));
    await use();
    const statements = countStatements(server.pool);
    assert.equal((await use()).statusCode, 204);
    const own = statements.filter((text) => /workspace_builds/.test(text));
    assert.equal(own.length, 2, own.join("\n\n"));
  });

  it("does not go back, whichever of many that come at once is the last to be written", async (t) => {
    const { server, dev, use, stored, setTime } = await given(t);
    await setDeadlines(server, dev.buildId, after(HOUR));
    const minutes = Array.from({ length: 20 }, (_, minute) => ((minute * 7) % 20) + 1);
    const written = await Promise.all(
      minutes.map((minute) => {
        const use = { deadline: after(minute * MINUTE + HOUR), now: after(minute * MINUTE) };
        return recordUse(server.pool, { workspaceId: dev.id, buildId: dev.buildId }, use);
      }),
    );
    assert.ok(written.every(Boolean));
    const some = await stored();
    assert.ok(some.last_used_at > MONDAY, "those who are first do not find it locked");
    assert.deepEqual(some.deadline, new Date(some.last_used_at.getTime() + HOUR));
    setTime(30 * MINUTE);
    assert.equal((await use()).statusCode, 204);
    const last = await stored();
    assert.deepEqual([last.last_used_at, last.deadline], [after(30 * MINUTE), after(90 * MINUTE)]);
    setTime(10 * MINUTE);
    const answers = await Promise.all(Array.from({ length: 20 }, () => use()));
    assert.ok(answers.every(({ statusCode }) => statusCode === 204));
    assert.deepEqual(await stored(), last);
  });

  it("waits for nobody who has the workspace locked: nothing is written then, and the next one counts", async (t) => {
    const { server, dev, use, stored, setTime } = await given(t);
    await setDeadlines(server, dev.buildId, after(HOUR));
    const client = await server.pool.connect();
    t.after(() => client.release(true));
    await client.query("begin");
    await client.query("select from workspaces where id = $1 for no key update", [dev.id]);
    const other = await server.pool.connect();
    t.after(() => other.release(true));
    await other.query("set lock_timeout = '1s'");
    const ids = { workspaceId: dev.id, buildId: dev.buildId };
    assert.ok(await recordUse(other, ids, { deadline: after(2 * HOUR), now: after(HOUR) }));
    setTime(HOUR);
    const answers = await Promise.all(Array.from({ length: 20 }, () => use()));
    assert.ok(answers.every(({ statusCode }) => statusCode === 204));
    assert.deepEqual([(await stored()).last_used_at, (await stored()).deadline], [MONDAY, after(HOUR)]);
    await client.query("update workspaces set dormant_at = $1 where id = $2", [MONDAY, dev.id]);
    assert.equal((await use()).statusCode, 204, "what is not committed has not happened");
    await client.query("rollback");
    assert.equal((await use()).statusCode, 204);
    assert.deepEqual([(await stored()).last_used_at, (await stored()).deadline], [after(HOUR), after(2 * HOUR)]);
  });

  it("prolongs neither another build than the one it is about, nor one whose deadline is gone by then", async (t) => {
    const { server, template, dev, stored } = await given(t);
    const other = await givenOwned(server, template, { name: "other", deadline: after(HOUR) });
    await setDeadlines(server, dev.buildId, after(HOUR));
    const use = { deadline: after(2 * HOUR), now: after(MINUTE) };
    assert.ok(await recordUse(server.pool, { workspaceId: dev.id, buildId: other.buildId }, use));
    for (const { id } of [dev, other]) assert.deepEqual((await stored(id)).deadline, after(HOUR));
    await setDeadlines(server, dev.buildId, null);
    assert.ok(await recordUse(server.pool, { workspaceId: dev.id, buildId: dev.buildId }, use));
    assert.deepEqual([(await stored()).deadline, (await stored()).last_used_at], [null, after(MINUTE)]);
    await setDeadlines(server, dev.buildId, after(HOUR), after(90 * MINUTE));
    await recordUse(server.pool, { workspaceId: dev.id, buildId: dev.buildId }, { ...use, deadline: null });
    assert.deepEqual((await stored()).deadline, after(HOUR), "no deadline is given");
    await recordUse(server.pool, { workspaceId: dev.id, buildId: dev.buildId }, use);
    assert.deepEqual((await stored()).deadline, after(90 * MINUTE), "not beyond the latest one");
  });
});
