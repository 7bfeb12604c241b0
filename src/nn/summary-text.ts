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

const PREFIXES = ['', 'k', 'M', 'G', 'T'];

/** A count with three digits, as in 1.57 MB. Powers of 1000. */
export function withUnit(count: number, unit: string): string {
  const power = Math.min(count < 1 ? 0 : Math.floor(Math.log10(count) / 3), PREFIXES.length - 1);
  const value = count / 1000 ** power;
  const digits = power === 0 ? String(value) : value.toPrecision(3);
  return `${digits} ${PREFIXES[power]}${unit}`.trimEnd();
}
