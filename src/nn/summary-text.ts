/** Rows of cells as lines; columns from `right` on are numbers, which stand to the right. */
export function columns(rows: readonly (readonly string[])[], right: number): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => row.map((cell, column) => (column < right ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join('  ').trimEnd());
}

/** The same with the first row as a header, above a line. */
export function table(rows: readonly (readonly string[])[], right: number): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = columns(rows, right);
  return [lines[0]!, '-'.repeat(widths.reduce((sum, width) => sum + width + 2, -2)), ...lines.slice(1)];
}
