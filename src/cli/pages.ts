import type { Client } from "./client.ts";

/** The most that one answer holds. */
const PAGE = 1_000;

/** Reads a list that comes in pages, all of it. */
export async function readAll<T>(
  client: Client,
  path: string,
  query: Readonly<Record<string, string>> = {},
): Promise<T[]> {
  const all: T[] = [];
  for (;;) {
    const page = new URLSearchParams({ ...query, limit: String(PAGE), offset: String(all.length) });
    const items = await client.get<T[]>(`${path}?${page}`);
    all.push(...items);
    if (items.length < PAGE) return all;
  }
}
