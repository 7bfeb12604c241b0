import { AnnealError, ArgumentError } from './errors.js';
import { slots } from './ops/leaf.js';
import type { Tensor } from './tensor.js';

/** Where every stream of random numbers stands. */
export interface RandomState {
  readonly seed: number;
  /** How often each stream was used. */
  readonly counters: Readonly<Record<string, number>>;
}

/**
 * Random streams by name: what a stream gives depends on (seed, name, how often it was used) only, so that one use never
 * moves another.
 */
export class Generator {
  readonly seed: number;
  readonly #counters: Map<string, number>;

  constructor(state: RandomState) {
    this.seed = state.seed;
    this.#counters = new Map(Object.entries(state.counters));
  }

  /** The next key of a stream, as random ops take it: int32[5], seed low and high word, stream low and high word, counter. */
  key(stream: string): Tensor {
    const counter = this.#counters.get(stream) ?? 0;
    this.#counters.set(stream, counter + 1);
    const [low, high] = hash(stream);
    return slots([this.seed | 0, Math.floor(this.seed / 2 ** 32) | 0, low, high, counter | 0], 'int32');
  }

  stateDict(): RandomState {
    return { seed: this.seed, counters: Object.fromEntries(this.#counters) };
  }
}

/** FNV-1a in 64 bits over the UTF-8 bytes (http://www.isthe.com/chongo/tech/comp/fnv/), as two signed words, the lower first. */
function hash(name: string): [low: number, high: number] {
  let value = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(name)) value = BigInt.asUintN(64, (value ^ BigInt(byte)) * 0x100000001b3n);
  return [Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))];
}

let current = new Generator({ seed: 0, counters: {} });

/** The streams that are in use. Modules note them when they are made. */
export function generator(): Generator {
  return current;
}

/**
 * Starts all random streams anew: what is made from here on (first weights, dropout masks) depends on `value` alone.
 * Default: 0, so two runs agree unless they ask not to. Loaders have a seed of their own.
 * Throws ArgumentError unless `value` is an integer in [0, 2^53).
 */
export function seed(value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new ArgumentError(`[seed] got ${String(value)}, expected an integer in [0, 2^53). Round it.`, { op: 'seed' });
  }
  current = new Generator({ seed: value, counters: {} });
}

/**
 * A fresh key of the stream `name`, for ops that draw random numbers.
 *
 *     const noise = normal([32, 8], random.key('noise'));
 */
export function key(name: string): Tensor {
  return current.key(name);
}

/** Where the random streams stand, as JSON. */
export function stateDict(): RandomState {
  return current.stateDict();
}

/** Goes on from where stateDict() stood. Throws AnnealError (ANNEAL_STATE_MISMATCH) for anything else. */
export function loadStateDict(state: RandomState): void {
  const counters: unknown = state?.counters;
  const whole = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
  if (!whole(state?.seed) || typeof counters !== 'object' || counters === null || !Object.values(counters).every(whole)) {
    throw new AnnealError('ANNEAL_STATE_MISMATCH', '[random.loadStateDict] got no state of random streams, expected { seed, counters }. Pass what stateDict() gave.', {
      op: 'random.loadStateDict',
    });
  }
  current = new Generator(state);
}
