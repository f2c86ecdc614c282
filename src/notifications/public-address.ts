import ipaddr from "ipaddr.js";

/**
 * Whether an IP address is one of the public internet. Everything else is refused: what is private, local or reserved,
 * and also what reaches such an address by being translated.
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  // An IPv4 address that is written as an IPv6 one is what it stands for.
  const parsed = ipaddr.process(address);
  return parsed.range() === "unicast" && !(parsed instanceof ipaddr.IPv6 && isUnassigned(parsed));
}

/** The internet's IPv6 addresses are those of 2000::/3. Below them, in ::/8, many stand for an IPv4 address. */
const isUnassigned = ({ parts: [first = 0] }: ipaddr.IPv6): boolean => first >> 13 !== 1;
