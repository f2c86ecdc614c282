import Negotiator from "negotiator";
import { PROTOBUF_CONTENT_TYPE } from "./protobuf.ts";

/** Who does not care gets text. */
const OFFERED = ["text/plain; version=0.0.4; charset=utf-8", PROTOBUF_CONTENT_TYPE];

/** Newer scrapers say how they want unusual names to be escaped; there are none here, so any way is kept to. */
const ESCAPING = /;\s*escaping=[^;,]*/gi;

/** Whether a scraper that sends this header `Accept` would rather have protobuf than text. */
export function prefersProtobuf(accept: string | undefined): boolean {
  if (accept === undefined) return false;
  const negotiator = new Negotiator({ headers: { accept: accept.replace(ESCAPING, "") } });
  return negotiator.mediaType(OFFERED) === PROTOBUF_CONTENT_TYPE;
}
