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
  readonly #streams = new Map<string, Stream>();
  /** The keys of the step that is being recorded for drawn(). */
  #drawn: Key[] | undefined = undefined;

  constructor(state: RandomState) {
    this.seed = state.seed;
    for (const [name, counter] of Object.entries(state.counters)) this.#stream(name).counter = counter;
  }

  /** The next key of a stream, as random ops take it: int32[5], seed low and high word, stream low and high word, counter. */
  key(name: string): Tensor {
    const stream = this.#stream(name);
    const [low, high] = stream.hash;
    const words = [this.seed | 0, Math.floor(this.seed / 2 ** 32) | 0, low, high, stream.counter | 0];
    stream.counter++;
    this.#drawn?.push({ stream, words });
    return slots(words, 'int32');
  }

  /** Runs `fn`, which records a step. What it gives, and the keys that the step draws, which can go on to those of the next one. */
  drawn<R>(fn: () => R): [R, Keys] {
    const drawn: Key[] = [];
    this.#drawn = drawn;
    try {
      return [fn(), new Keys(drawn)];
    } finally {
      this.#drawn = undefined;
    }
  }

  stateDict(): RandomState {
    return { seed: this.seed, counters: Object.fromEntries([...this.#streams].map(([name, { counter }]) => [name, counter])) };
  }

  #stream(name: string): Stream {
    let stream = this.#streams.get(name);
    if (stream === undefined) this.#streams.set(name, (stream = { hash: hash(name), counter: 0 }));
    return stream;
  }
}

/** How often a stream was used. */
interface Stream {
  readonly hash: readonly [low: number, high: number];
  counter: number;
}

interface Key {
  readonly stream: Stream;
  /** What the slot of the key reads. */
  readonly words: number[];
}

/** The keys that one step has drawn. */
export class Keys {
  readonly #keys: readonly Key[];
  /** How often a step uses each stream. */
  readonly #uses = new Map<Stream, number>();

  constructor(keys: readonly Key[]) {
    this.#keys = keys;
    for (const { stream } of keys) this.#uses.set(stream, (this.#uses.get(stream) ?? 0) + 1);
  }

  /** Makes them the keys that the step would draw next. */
  advance(): void {
    for (const { stream, words } of this.#keys) words[4] = (words[4]! + this.#uses.get(stream)!) | 0;
    for (const [stream, uses] of this.#uses) stream.counter += uses;
  }

  /** Takes back the draws of the last `steps` steps. */
  retreat(steps: number): void {
    for (const [stream, uses] of this.#uses) stream.counter -= uses * steps;
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
