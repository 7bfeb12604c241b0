import { ArgumentError } from '../errors.js';
import type { AnyMetric } from '../metrics/index.js';
import { suggestion } from '../options.js';
import { describeValue } from '../describe-value.js';
import type { Callback } from './events.js';

const EVENTS = ['onFitStart', 'onEpochStart', 'onStep', 'onEpochEnd', 'onFitEnd'] satisfies (keyof Callback)[];

/**
 * The callbacks of a fit(), one or several. Throws ArgumentError for what is none: a function that was to be called, or an event that does not exist,
 * which would never be told. Callbacks may have fields of their own.
 */
export function callbacksOf<M extends AnyMetric>(given: Callback<M> | readonly Callback<M>[]): readonly Callback<M>[] {
  const callbacks = [given].flat() as readonly Callback<M>[];
  callbacks.forEach(check);
  return callbacks;
}

function check(callback: unknown, i: number): void {
  if (typeof callback === 'function') throw invalid(i, describeValue(callback), 'an object such as { onEpochEnd() { ... } }. Call the function that makes it, as in train.progress()');
  if (typeof callback !== 'object' || callback === null) throw invalid(i, describeValue(callback), 'an object such as { onEpochEnd() { ... } }');
  for (const name of namesOf(callback)) {
    if (!/^on[A-Z]/.test(name)) continue;
    if (!(EVENTS as readonly string[]).includes(name)) throw invalid(i, name, `one of ${EVENTS.join(', ')}.${suggestion(name, EVENTS)}`, '');
    const told: unknown = callback[name as keyof typeof callback];
    if (told !== undefined && typeof told !== 'function') throw invalid(i, `${name}: ${describeValue(told)}`, 'a function of the event');
  }
}

/** Its own names, and those of its classes. */
function namesOf(callback: object): string[] {
  const names: string[] = [];
  for (let level: object | null = callback; level !== null && level !== Object.prototype; level = Object.getPrototypeOf(level) as object | null) names.push(...Object.getOwnPropertyNames(level));
  return names;
}

function invalid(i: number, got: string, expected: string, end = '.'): ArgumentError {
  return new ArgumentError(`[fit] callbacks[${i}]: got ${got}, expected ${expected}${end}`, { op: 'fit' });
}
