/** Characters of a text that messages show. */
const SHOWN = 80;

/**
 * A value that was got, as messages say it: text in quotes, so that '32' is not taken for 32, and of a long one the beginning; functions by their name, never their source; objects by
 * their class; a promise with what to do.
 */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') return value.length <= 2 * SHOWN ? `'${value}'` : `'${value.slice(0, SHOWN)}...', ${value.length} characters`;
  if (typeof value === 'function') return value.name === '' ? 'a function' : `the function ${value.name}`;
  if (typeof value !== 'object' || value === null) return String(value);
  if (value instanceof Promise) return 'a Promise, which has to be awaited';
  const name = (value as { readonly constructor?: { readonly name?: string } }).constructor?.name ?? 'Object';
  return `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${name}`;
}

/** An array with its elements as messages say them, and anything else as describeValue() has it. */
export function describeList(value: unknown): string {
  return Array.isArray(value) ? `[${value.map(describeValue).join(', ')}]` : describeValue(value);
}
