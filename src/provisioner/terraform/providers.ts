import { isFields, listOf } from "./plan-json.ts";

/**
 * The providers that a state needs and that no init has fetched, because the source does without them by now.
 * @param state a state of Terraform; one that cannot be read needs nothing
 * @param locked the text of a `.terraform.lock.hcl`, empty when there is none
 */
export function missingProviders(state: string, locked: string): string[] {
  const fetched = new Set([...locked.matchAll(/^provider\s+"([^"]+)"/gm)].map(([, address]) => address));
  const needed = listOf(resourcesIn(state)).flatMap((resource) => {
    const provider = isFields(resource) ? resource["provider"] : undefined;
    const address = typeof provider === "string" ? /(?:^|\.)provider\["([^"]+)"\]/.exec(provider)?.[1] : undefined;
    return address === undefined || BUILT_IN.test(address) ? [] : [address];
  });
  return [...new Set(needed)].filter((address) => !fetched.has(address)).toSorted();
}

const BUILT_IN = /^terraform\.io\/builtin\//;

function resourcesIn(state: string): unknown {
  try {
    const value: unknown = JSON.parse(state);
    return isFields(value) ? value["resources"] : undefined;
  } catch {
    return undefined;
  }
}
