import type * as Levenshtein from 'fastest-levenshtein';
import { AnnealError } from './errors.js';
import { lazily } from './lazily.js';
import { shown } from './shown.js';

const levenshtein = lazily<typeof Levenshtein>('fastest-levenshtein');

/** Throws for an option that `op` does not know, naming the nearest one that it does. */
export function checkOptions(op: string, given: object | undefined, known: readonly string[]): void {
  if (given === undefined) return;
  if (typeof given !== 'object' || given === null) {
    const expected = known.length === 0 ? '{}' : `an object such as { ${known[0]!}: ... }`;
    throw new AnnealError('ANNEAL_INVALID_ARGUMENT', `[${op}] options: got ${shown(given)}, expected ${expected}.`, { op });
  }
  for (const name of Object.keys(given)) {
    if (!known.includes(name)) throw unknownOption(op, name, known);
  }
}

/** checkOptions() for options that cannot be left out as a whole. */
export function checkRequired(op: string, given: object | undefined, known: readonly string[]): void {
  checkOptions(op, given, known);
  if (given !== undefined) return;
  throw new AnnealError('ANNEAL_INVALID_ARGUMENT', `[${op}] options: got none, expected an object such as { ${known[0]!}: ... }.`, { op });
}

/** The options that were given: one that is undefined counts as left out, wherever options are put over others. */
export function withoutUndefined<O extends object>(options: O): Partial<O> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<O>;
}

function unknownOption(op: string, name: string, known: readonly string[]): AnnealError {
  if (known.length === 0) return new AnnealError('ANNEAL_UNKNOWN_OPTION', `[${op}] unknown option: got ${name}, expected none. Leave it out.`, { op });
  const text = `[${op}] unknown option: got ${name}, expected one of ${known.join(', ')}.${suggestion(name, known)}`;
  return new AnnealError('ANNEAL_UNKNOWN_OPTION', text, { op });
}

/** Throws unless `value` is one of `known`, naming the nearest one. */
export function checkChoice(op: string, option: string, value: unknown, known: readonly string[]): void {
  if (known.includes(value as string)) return;
  const nearest = typeof value === 'string' ? suggestion(value, known, "'") : '';
  const expected = known.map((name) => `'${name}'`).join(', ');
  throw new AnnealError('ANNEAL_INVALID_ARGUMENT', `[${op}] unknown ${option}: got ${shown(value)}, expected one of ${expected}.${nearest}`, { op });
}

/** Of several names the one that is spelled most alike. */
export function closest(name: string, known: readonly string[]): string {
  return levenshtein().closest(name, known);
}

/** The nearest known name as a question, unless it is so far off that it would only mislead. */
export function suggestion(name: string, known: readonly string[], quote = ''): string {
  const nearest = closest(name, known);
  const related = name.startsWith(nearest) || nearest.startsWith(name) || levenshtein().distance(name, nearest) <= Math.max(name.length, nearest.length) / 2;
  return related ? ` Did you mean ${quote}${nearest}${quote}?` : '';
}
