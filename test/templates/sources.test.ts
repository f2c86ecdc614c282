import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { linkSync } from "node:fs";
import { chmod, link, mkdir, readdir, readFile, rm, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { create } from "tar";
import { ProblemError } from "../../src/errors.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { checkPackedSource, createSourceCache, type PackedSource, packSource } from "../../src/templates/sources.ts";
import { createDisk } from "../faults/disk.ts";
import { makeDirectory } from "../provisioner/command-template.ts";
import { createTestDatabase } from "../support/database.ts";

type Files = Readonly<Record<string, string>>;
const DEVBOX: Files = { start: "#!/bin/sh\n", "lib/deep/data.txt": "data", "@odd name": "odd" };

/** Writes a source directory, in the order given; `start` is executable. */
async function makeSource(t: TestContext, files: Files = DEVBOX): Promise<string> {
  const directory = await makeDirectory(t);
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), content, { mode: path === "start" ? 0o755 : 0o644 });
  }
  return directory;
}

const hashOf = async (directory: string) => (await packSource(directory, "command")).hash;

describe("the hash of a source", () => {
  test("is the same for the same content, whenever and in whatever order it was written, and so are the bytes", async (t) => {
    const one = await makeSource(t);
    const other = await makeSource(t, Object.fromEntries(Object.entries(DEVBOX).toReversed()));
    await utimes(join(other, "start"), 1, 1);
    await mkdir(join(other, ".git"));
    await writeFile(join(other, ".git/HEAD"), "main");
    await mkdir(join(other, "empty"));
    assert.deepEqual(await packSource(one, "command"), await packSource(other, "command"));
  });

  for (const [what, change] of [
    ["content", (directory: string) => writeFile(join(directory, "@odd name"), "even")],
    ["name", (directory: string) => writeFile(join(directory, "another"), "")],
    ["executable bit", (directory: string) => chmod(join(directory, "@odd name"), 0o755)],
    ["link", (directory: string) => symlink("start", join(directory, "stop"))],
  ] as const) {
    test(`changes with a ${what}`, async (t) => {
      const directory = await makeSource(t);
      const before = await hashOf(directory);
      await change(directory);
      assert.notEqual(await hashOf(directory), before);
    });
  }
});

describe("a source is refused, with its path and what to do about it, when it", () => {
  const large = (directory: string, size: number) => writeFile(join(directory, "large"), randomBytes(size));
  const rows: readonly [what: string, spoil: (directory: string) => Promise<unknown>, message: RegExp][] = [
    ["is missing", (d) => rm(d, { recursive: true }), /does not exist/],
    ["is a file", (d) => rm(d, { recursive: true }).then(() => writeFile(d, "")), /is not a directory/],
    ["has no start", (d) => rm(join(d, "start")), /has no executable named start/],
    ["cannot execute start", (d) => chmod(join(d, "start"), 0o644), /start .* not executable: run chmod \+x start/],
    ["cannot execute ready", (d) => writeFile(join(d, "ready"), ""), /ready .* not executable: run chmod \+x ready/],
    ["is too large when packed", (d) => large(d, 15_000_000), /larger than 10 MiB when packed/],
    [
      "is too large unpacked",
      (d) => large(d, 0).then(() => truncate(join(d, "large"), 105_000_000)),
      /more than 100 MiB/,
    ],
    [
      "links to a place outside",
      (d) => symlink("../secret", join(d, "link")),
      /link is a link to \.\.\/secret, outside/,
    ],
  ];
  for (const [what, spoil, message] of rows) {
    test(what, async (t) => {
      const directory = await makeSource(t);
      await spoil(directory);
      await assert.rejects(packSource(directory, "command"), (error) => {
        assert.ok(error instanceof ProblemError);
        assert.equal(error.kind, "invalid");
        assert.ok(error.message.startsWith(directory));
        assert.match(error.message, message);
        return true;
      });
    });
  }

  test("holds a socket", async (t) => {
    const directory = await makeSource(t);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(directory, "socket"), resolve));
    t.after(() => server.close());
    await assert.rejects(packSource(directory, "command"), /socket is neither a file, a directory nor a link/);
  });

  test("holds too many files", async (t) => {
    const directory = await makeSource(t);
    for (let index = 0; index < 10_000; index += 1) linkSync(join(directory, "start"), join(directory, String(index)));
    await assert.rejects(packSource(directory, "command"), /more than 10000 files/);
  });
});

test("a source for another provisioner needs no start", async (t) => {
  const directory = await makeSource(t, { "main.tf": "" });
  assert.match((await packSource(directory, "terraform")).hash, /^[0-9a-f]{64}$/);
});

describe("a packed source that came from somewhere else", () => {
  test("is accepted as it was packed", async (t) => {
    await checkPackedSource(await packSource(await makeSource(t), "command"), "command");
  });

  const rows: readonly [what: string, spoil: (packed: PackedSource) => PackedSource, message: RegExp][] = [
    ["has another hash", (packed) => ({ ...packed, hash: "0".repeat(64) }), /does not have the hash it came with/],
    ["is no archive", (packed) => ({ ...packed, data: Buffer.from("hello") }), /is unusable/],
    ["is cut short", (packed) => ({ ...packed, data: packed.data.subarray(0, 60) }), /is unusable/],
    ["is too large", (packed) => ({ ...packed, data: randomBytes(11_000_000) }), /is larger than 10 MiB/],
  ];
  for (const [what, spoil, message] of rows) {
    test(`is refused when it ${what}`, async (t) => {
      const packed = spoil(await packSource(await makeSource(t), "command"));
      await assert.rejects(checkPackedSource(packed, "command"), (error) => {
        assert.ok(error instanceof ProblemError);
        assert.match(error.message, message);
        return true;
      });
    });
  }

  test("is refused when it has no start but needs one", async (t) => {
    const packed = await packSource(await makeSource(t, { "main.tf": "" }), "terraform");
    await checkPackedSource(packed, "terraform");
    await assert.rejects(
      checkPackedSource(packed, "command"),
      /the archive of the source has no executable named start/,
    );
  });

  test("is refused when it unpacks to more than is allowed", async (t) => {
    const directory = await makeSource(t);
    await truncate(join(directory, "start"), 120_000_000);
    const chunks: Buffer[] = [];
    for await (const chunk of create({ cwd: directory, gzip: true }, ["start"])) chunks.push(chunk);
    const packed = { hash: "0".repeat(64), data: Buffer.concat(chunks) };
    await assert.rejects(checkPackedSource(packed, "command"), /is unusable: .*too large/);
  });
});

describe("the cache of unpacked sources", () => {
  async function makeCache(t: TestContext, source: PackedSource) {
    const { pool } = await createTestDatabase(t);
    const stored = await pool.query<{ id: string }>(
      "insert into files (hash, mimetype, data, created_by) values ($1, 'application/gzip', $2, $3) returning id",
      [source.hash, source.data, PREBUILDS_SYSTEM_USER_ID],
    );
    const dir = join(await makeDirectory(t), "sources");
    return { pool, dir, fileId: stored.rows[0]?.id ?? "", newCache: () => createSourceCache({ pool, dir }) };
  }

  test("unpacks once for many callers in several processes, and nothing else is left", async (t) => {
    const source = await makeSource(t);
    await link(join(source, "start"), join(source, "stop"));
    await symlink("lib/deep", join(source, "deep"));
    const packed = await packSource(source, "command");
    const { dir, fileId, newCache } = await makeCache(t, packed);
    const caches = Array.from({ length: 5 }, newCache);
    const found = await Promise.all([...caches, ...caches].map((cache) => cache.directoryOf(fileId)));
    assert.deepEqual(new Set(found), new Set([join(dir, packed.hash)]));
    assert.deepEqual(await readdir(dir), [packed.hash]);
    assert.deepEqual(await packSource(join(dir, packed.hash), "command"), packed);
    assert.equal(await readFile(join(dir, packed.hash, "deep/data.txt"), "utf8"), "data");
  });

  test("does not use a directory that is incomplete, changed or gone", async (t) => {
    const packed = await packSource(await makeSource(t), "command");
    const { dir, fileId, newCache } = await makeCache(t, packed);
    const target = join(dir, packed.hash);
    const restored = async (cache = newCache()) => {
      assert.equal(await cache.directoryOf(fileId), target);
      assert.equal(await hashOf(target), packed.hash);
    };
    await mkdir(target, { recursive: true });
    await restored();
    await writeFile(join(target, "start"), "tampered");
    await restored();
    await rm(target, { recursive: true });
    await writeFile(target, "a file");
    await restored();
    const cache = newCache();
    await restored(cache);
    await rm(target, { recursive: true });
    await restored(cache);
  });

  test("removes what crashed processes left, but not what another one may be writing", async (t) => {
    const packed = await packSource(await makeSource(t), "command");
    const { dir, fileId, newCache } = await makeCache(t, packed);
    await mkdir(join(dir, ".partial-old"), { recursive: true });
    await utimes(join(dir, ".partial-old"), 1, 1);
    await mkdir(join(dir, ".partial-new"));
    await newCache().directoryOf(fileId);
    assert.deepEqual((await readdir(dir)).toSorted(), [".partial-new", packed.hash]);
  });

  for (const [what, spoil, message] of [
    ["does not have its hash", (data: Buffer) => data, /does not have its hash/],
    ["is cut short", (data: Buffer) => data.subarray(0, data.length / 2), /./],
    ["is no archive", () => Buffer.from("hello"), /./],
  ] as const) {
    test(`refuses a stored source that ${what}, tries again when asked again, and leaves nothing behind`, async (t) => {
      const packed = await packSource(await makeSource(t), "command");
      const hash = createHash("sha256").update("another").digest("hex");
      const { dir, fileId, newCache } = await makeCache(t, { hash, data: spoil(packed.data) });
      const cache = newCache();
      await assert.rejects(cache.directoryOf(fileId), message);
      await assert.rejects(cache.directoryOf(fileId), message);
      assert.deepEqual(await readdir(dir), []);
    });
  }

  test("refuses an archive with an entry that leads out of its directory", async (t) => {
    const source = await makeSource(t);
    await writeFile(join(source, "../escaped"), "");
    t.after(() => rm(join(source, "../escaped"), { force: true }));
    const chunks: Buffer[] = [];
    for await (const chunk of create({ cwd: source, gzip: true, preservePaths: true }, ["../escaped"]))
      chunks.push(chunk);
    const { dir, fileId, newCache } = await makeCache(t, { hash: "0".repeat(64), data: Buffer.concat(chunks) });
    await assert.rejects(newCache().directoryOf(fileId), /contains '\.\.'/);
    assert.deepEqual(await readdir(dir), []);
  });

  test("says which stored source does not exist", async (t) => {
    const { newCache } = await makeCache(t, await packSource(await makeSource(t), "command"));
    const missing = "00000000-0000-4000-8000-000000000000";
    await assert.rejects(
      newCache().directoryOf(missing),
      new ProblemError("not_found", `There is no stored source ${missing}.`),
    );
  });
});

test("a source that does not fit on this machine is not called unusable: there is no room, and it may be pushed again", async (t) => {
  await using disk = await createDisk(join(await makeDirectory(t), "disk"));
  if (!disk.isReal) return t.skip("only root can make a small file system");
  const source = await packSource(await makeSource(t), "command");
  await disk.setFull(true);
  const { TMPDIR } = process.env;
  process.env["TMPDIR"] = disk.directory;
  try {
    await assert.rejects(checkPackedSource(source, "command"), (error: unknown) => {
      assert.ok(error instanceof ProblemError);
      assert.equal(error.kind, "unavailable");
      assert.match(error.message, /cannot be unpacked on this replica: ENOSPC.*; free space there and push again$/);
      return true;
    });
  } finally {
    if (TMPDIR === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = TMPDIR;
  }
});
