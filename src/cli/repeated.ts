/** Collects the values of an option that may be given more than once. */
export const repeated = (given: string, before: readonly string[] = []): readonly string[] => [...before, given];
