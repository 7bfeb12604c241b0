const PREFIXES = ['', 'k', 'M', 'G', 'T'];

/** A count with three digits, as in 1.57 MB. Powers of 1000. */
export function withUnit(count: number, unit: string): string {
  const power = Math.min(count < 1 ? 0 : Math.floor(Math.log10(count) / 3), PREFIXES.length - 1);
  const value = count / 1000 ** power;
  const digits = power === 0 ? String(value) : value.toPrecision(3);
  return `${digits} ${PREFIXES[power]}${unit}`.trimEnd();
}
