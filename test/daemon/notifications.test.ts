import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { it } from "node:test";
import { SMTPServer } from "smtp-server";
import type { InboxMessageView } from "../../src/notifications/view.ts";
import { addMember } from "../../src/organizations/store.ts";
import { createUser } from "../../src/users/store.ts";
import { createToken } from "../../src/users/tokens/create.ts";
import { givenReceiver, SECRET } from "../notifications/support.ts";
import { startProcess } from "../support/daemon.ts";
import { createTestDatabase } from "../support/database.ts";
import { givenPool } from "../support/given.ts";
import { waitFor } from "../support/wait-for.ts";

it("a daemon tells the template administrators by inbox, webhook and mail that people find a pool empty", async (t) => {
  const database = await createTestDatabase(t);
  const { presetId, templateId, organizationId } = await givenPool(database, { desired: 1 });
  const ann = { username: "ann", email: "ann@example.com", siteRoles: ["template-admin", "owner"] };
  const { id: userId } = await createUser(database.pool, ann);
  await addMember(database.pool, { organizationId, userId });
  const token = await createToken(database.pool, { userId, name: "test" });
  const receiver = await givenReceiver(t);
  const mails: string[] = [];
  const smtp = new SMTPServer({
    authOptional: true,
    hideSTARTTLS: true,
    closeTimeout: 100,
    onData(stream, _, done) {
      void text(stream).then((mail) => {
        mails.push(mail);
        done();
      });
    },
  });
  await new Promise<void>((done) => smtp.listen(0, "127.0.0.1", done));
  t.after(() => new Promise<void>((done) => smtp.close(done)));

  const daemon = await startProcess(t, ["run"], {
    env: {
      DATABASE_URL: database.url,
      PREBUILDD_PROVISIONERS: "0", // so nothing is ever ready
      PREBUILDD_NOTIFICATION_WINDOW: "2s",
      PREBUILDD_WEBHOOK_URL: receiver.url,
      PREBUILDD_WEBHOOK_SECRET: SECRET,
      PREBUILDD_SMTP_URL: `smtp://127.0.0.1:${(smtp.server.address() as AddressInfo).port}`,
      PREBUILDD_SMTP_FROM: "pools@example.com",
    },
  });
  const url = await daemon.ready();
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  for (const name of ["one", "two", "three"]) {
    const body = JSON.stringify({ name, template_id: templateId, template_version_preset_id: presetId });
    const path = `${url}/api/v2/organizations/default/members/ann/workspaces`;
    const created = await fetch(path, { method: "POST", headers, body });
    assert.equal(created.status, 201, await created.text());
  }

  const inbox = await waitFor("the message in the inbox", async () => {
    const answer = await fetch(`${url}/api/v2/notifications/inbox`, { headers });
    const messages = (await answer.json()) as InboxMessageView[];
    return messages[0]?.data.misses === 3 ? messages : undefined;
  });
  assert.deepEqual(
    inbox.map(({ event, data }) => [event, data.misses]),
    [["pool_empty", 3]],
  );
  const [posted] = await waitFor("the webhook", () => (receiver.posted.length > 0 ? receiver.posted : undefined));
  assert.deepEqual(JSON.parse(posted?.body ?? "").data, { misses: 3 });
  const [mail = ""] = await waitFor("the mail", () => (mails.length > 0 ? mails : undefined));
  assert.match(mail, /^To: ann@example\.com\r$/m);
  assert.match(mail, /3 requests for a workspace/);
  assert.equal(
    daemon.logs.find(({ level }) => level === "error"),
    undefined,
  );
  daemon.child.kill("SIGTERM");
  assert.equal((await daemon.exited()).code, 0);
});
