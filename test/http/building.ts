import type { TestContext } from "node:test";
import type { BuildRequest } from "../../src/provisioner/driver.ts";
import { givenDriver, givenWorker, settled } from "../support/given.ts";
import { startTestServer, type TestServer, type TestUser } from "./server.ts";
import { givenTemplate, givenWorkspace } from "./world.ts";

/** A server with a template and a running workspace of alice's, and a way of asking for builds of it. */
export async function givenDev(t: TestContext) {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const workspace = await givenWorkspace(server, { ownerId: server.alice.id, name: "dev", template });
  const build = (json: object, as: TestUser = server.alice) =>
    server.send("POST", `/api/v2/workspaces/${workspace.id}/builds`, { as, json });
  return { server, template, workspace, build };
}

/** Runs what is queued, and returns what the driver was told of each build. */
export async function runBuilds(t: TestContext, server: TestServer): Promise<BuildRequest[]> {
  const requests: BuildRequest[] = [];
  const ended = givenDriver();
  const driver = givenDriver({
    build: (request, context) => {
      requests.push(request);
      return ended.build(request, context);
    },
  });
  const worker = givenWorker(t, server.context, { driver });
  worker.poke();
  await settled(server);
  await worker.drain(5_000);
  return requests;
}
