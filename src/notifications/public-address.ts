import ipaddr from "ipaddr.js";

/**
 * Whether an IP address is one of the public internet. Everything else is refused: what is private, local or reserved,
 * and also what reaches such an address by being translated.
 */
export function isPublicAddress(address: string): boolean {
  // An IPv4 address that is written as an IPv6 one is what it stands for.
  return ipaddr.isValid(address) && ipaddr.process(address).range() === "unicast";
}
