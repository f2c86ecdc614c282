import type { Resource } from "../rbac/decide.ts";

/**
 * What anybody's use of AI costs, as a thing that is protected. It is nobody's own: who could report their own spend
 * could use up a request id before the gateway does.
 */
export const RECORDED_SPEND: Resource = { type: "aibridge_interception" };
