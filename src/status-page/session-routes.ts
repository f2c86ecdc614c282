import { z } from "zod";
import { ProblemError } from "../errors.ts";
import type { App } from "../http/app.ts";
import type { Subject } from "../rbac/decide.ts";
import { parseToken } from "../users/tokens/format.ts";
import { beginSession, endSession } from "./session.ts";

const signInForm = z.object({ token: z.string().trim() });

/** Adds signing in and out. Tokens are too long to be guessed, so attempts are not counted. */
export function registerSessionRoutes(app: App, identify: (token: string) => Promise<Subject>): void {
  app.post("/session", { config: { access: "public" }, schema: { body: signInForm } }, async (request, reply) => {
    const { token } = request.body;
    // Nothing but a token may come into a header of the answer.
    if (!parseToken(token))
      throw new ProblemError(
        "unauthenticated",
        "this is not a token: it has 10 letters or digits, a hyphen, and 22 more",
      );
    await identify(token);
    beginSession(request, reply, token);
    return reply.redirect("/", 303);
  });

  app.post("/session/end", { config: { access: "public" } }, async (request, reply) => {
    endSession(request, reply);
    return reply.redirect("/", 303);
  });
}
