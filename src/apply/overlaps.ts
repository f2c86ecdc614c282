import { overlappingWindows } from "../prebuilds/schedule.ts";
import type { Problem } from "./document.ts";
import { isItem, itemsOf } from "./duplicates.ts";

/**
 * Finds the windows of schedules that may be open together with an earlier one. Like the search for duplicates, it
 * reads the document as given, so that all problems of a file can be reported at once.
 */
export function findOverlaps(raw: unknown): Problem[] {
  return itemsOf(raw, "templates").flatMap((template, index) =>
    itemsOf(template, "presets").flatMap((preset, position) => {
      const prebuilds = isItem(preset["prebuilds"]) ? preset["prebuilds"] : {};
      const crons = itemsOf(prebuilds["scheduling"], "schedule").map(({ cron }) => String(cron));
      const path = ["templates", index, "presets", position, "prebuilds", "scheduling", "schedule"];
      return overlappingWindows(crons).map(({ index: window, with: other }): Problem => {
        const message = `overlaps with window ${other + 1}, ${crons[other]}; no two windows may be open at once`;
        return { path: [...path, window, "cron"], message, atKey: false };
      });
    }),
  );
}
