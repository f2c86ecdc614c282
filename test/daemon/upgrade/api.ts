/** Something that was asked of a daemon, and what it said; status 0: nothing. */
export type Answer = {
  readonly asked: string;
  readonly at: string;
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
};

/** Asks for things with an owner's token, whichever daemon is asked. */
export type Api = (at: string, method: string, path: string, json?: object, key?: string) => Promise<Answer>;

/** Makes it; whatever becomes of a request is an answer. */
export function createApi(token: string): Api {
  return async (at, method, path, json, key) => {
    const asked = `${method} ${path}`;
    try {
      const answer = await fetch(`${at}/api/v2${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(json ? { "content-type": "application/json" } : {}),
          ...(key ? { "idempotency-key": key } : {}),
        },
        ...(json ? { body: JSON.stringify(json) } : {}),
      });
      const text = await answer.text();
      return { asked, at, status: answer.status, body: text === "" ? {} : JSON.parse(text) };
    } catch (error) {
      return { asked, at, status: 0, body: { error: String(error), cause: String((error as Error).cause) } };
    }
  };
}
