/** What people know a pool by. */
export const poolName = (pool: { readonly templateName: string; readonly presetName: string }): string =>
  `${pool.templateName}/${pool.presetName}`;

/** The fields by which log lines name a pool. */
export const poolFields = (pool: {
  readonly organizationName: string;
  readonly templateName: string;
  readonly presetName: string;
}) => ({ organization: pool.organizationName, template: pool.templateName, preset: pool.presetName });

const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";

/** Random bytes that one name takes. */
export const NAME_BYTES = 15;

/** What prebuilds are called until somebody claims them: `prebuild-` and 15 letters of base32, one per random byte. */
export function prebuildNames(count: number, random: Uint8Array): string[] {
  return Array.from({ length: count }, (_, index) => {
    const bytes = random.subarray(index * NAME_BYTES, (index + 1) * NAME_BYTES);
    return `prebuild-${Array.from(bytes, (byte) => BASE32[byte & 31]).join("")}`;
  });
}
