/** Rows under headings, in columns as wide as their widest cell; numbers stand to the right. */
export function formatTable(headings: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => String(row[column] ?? "").length)),
  );
  return [headings, ...rows].map((row, index) =>
    headings
      .map((_, column) => {
        const isNumber = typeof rows[Math.max(index - 1, 0)]?.[column] === "number";
        const cell = String(row[column] ?? "");
        return isNumber ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0);
      })
      .join("  ")
      .trimEnd(),
  );
}
