import { AnnealError, ArgumentError } from './errors.js';
import { Generator, generator, setGenerator, type RandomState } from './generator.js';
import type { Tensor } from './tensor.js';

export type { RandomState };

/**
 * Starts all random streams anew: what is made from here on (first weights, dropout masks) depends on `value`, and on how many models were
 * made since then. Default: 0, so two runs agree unless they ask not to. Loaders have a seed of their own.
 * Throws ArgumentError unless `value` is an integer in [0, 2^53).
 */
export function seed(value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new ArgumentError(`[seed] got ${String(value)}, expected an integer in [0, 2^53). Round it.`, { op: 'seed' });
  }
  setGenerator(new Generator({ seed: value, counters: {} }));
}

/**
 * A fresh key of the stream `name`, for ops that draw random numbers. There is one stream of that name, from which all draw in the order of
 * their calls; a module has streams of its own: randomKey().
 *
 *     const noise = normal([32, 8], random.key('noise'));
 */
export function key(name: string): Tensor {
  return generator().key(name);
}

/** Returns the positions of the random streams, as JSON. */
export function stateDict(): RandomState {
  return generator().stateDict();
}

/** Goes on from where stateDict() stood. Throws AnnealError (ANNEAL_STATE_MISMATCH) for anything else. */
export function loadStateDict(state: RandomState): void {
  const counters: unknown = state?.counters;
  const whole = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
  if (!whole(state?.seed) || typeof counters !== 'object' || counters === null || !Object.values(counters).every(whole) || !whole(state.models ?? 0)) {
    throw new AnnealError('ANNEAL_STATE_MISMATCH', '[random.loadStateDict] got no state of random streams, expected { seed, counters }. Pass what stateDict() gave.', {
      op: 'random.loadStateDict',
    });
  }
  setGenerator(new Generator(state));
}
