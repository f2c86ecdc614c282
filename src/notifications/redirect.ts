/**
 * Where a redirect leads to.
 * @param location what the answer says, which may be relative
 * @throws an error when that is no URL, or one to which what was encrypted would be sent without encryption
 */
export function redirected(from: URL, location = ""): URL {
  const url = location !== "" && URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) throw new Error(`the webhook at ${from.origin} redirects to no URL`);
  if (from.protocol === "https:" && url.protocol === "http:") {
    throw new Error(`the webhook at ${from.origin} redirects to ${url.origin}, which is not encrypted`);
  }
  return url;
}
