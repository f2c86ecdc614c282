const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";

/** A prebuild's name until somebody claims it: `prebuild-` and 15 letters of base32, from 15 random bytes. */
export function prebuildName(random: Uint8Array): string {
  const letters = Array.from(random.subarray(0, 15), (byte) => BASE32[byte & 31]);
  return `prebuild-${letters.join("")}`;
}
