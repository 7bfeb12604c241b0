import { AsyncLocalStorage } from 'node:async_hooks';
import { slots } from './ops/leaf.js';
import type { Tensor } from './tensor.js';

/** Positions of all streams of random numbers. */
export interface RandomState {
  readonly seed: number;
  /** Number of uses of each stream. */
  readonly counters: Readonly<Record<string, number>>;
  /** Number of models made since the seed was set, which is the number of the next one. Default 0. */
  readonly models?: number;
}

/**
 * Random streams by name: what a stream gives depends on (seed, name, how often it was used) only, so that one use never
 * moves another.
 */
export class Generator {
  #seed: number;
  readonly #streams = new Map<string, RandomStream>();
  /** Numbers of models that are in use. */
  readonly #numbers = new Set<number>();

  constructor({ seed, counters, models = 0 }: RandomState) {
    this.#seed = seed;
    for (let number = 0; number < models; number++) this.#numbers.add(number);
    this.#fill(counters);
  }

  get seed(): number {
    return this.#seed;
  }

  /** The next key of a stream, as random ops take it: int32[5], seed low and high word, stream low and high word, counter. */
  key(name: string): Tensor {
    return draw(this.#seed, this.#stream(name));
  }

  /**
   * Source of the keys of a new parameter's first values: one of the stream of its name in its model. A parameter without a name takes them
   * by the order in which those with this `local` name were made. Both under the seed of now.
   */
  initial(local: string): (name: string, model: ModelGenerator | undefined) => Tensor {
    const seed = this.#seed;
    const made = this.#stream(`initial ${local}`).counter++;
    let uses = 0;
    return (name, model) => {
      if (name !== '') return slots(wordsOf(seed, hash(numbered(`initial ${name}`, model?.number ?? 0)), 0), 'int32');
      return slots(wordsOf(seed, hash(`initial ${local}${uses++ === 0 ? '' : `, use ${uses}`}`), made), 'int32');
    };
  }

  /** Takes the least number that no model has. */
  take(): number {
    let number = 0;
    while (this.#numbers.has(number)) number++;
    this.#numbers.add(number);
    return number;
  }

  /** Gives a number back, of what turned out to be a part of another model. */
  giveBack(number: number): void {
    this.#numbers.delete(number);
  }

  /** The stream of this name that belongs to `owner`: one that a loaded state has left here, or a new one. */
  own(name: string, owner: StreamOwner): RandomStream {
    const found = this.#streams.get(name);
    if (found !== undefined && found.owner === undefined) found.owner = owner;
    if (found?.owner === owner) return found;
    const stream = { hash: hash(name), counter: 0, owner };
    this.#streams.set(name, stream);
    return stream;
  }

  /** Drops the streams that belong to `owner`. */
  disown(owner: StreamOwner): void {
    for (const [name, stream] of this.#streams) if (stream.owner === owner) this.#streams.delete(name);
  }

  stateDict(): RandomState {
    const counters = this.#countersOf(() => true);
    return { seed: this.#seed, counters, models: this.#numbers.size === 0 ? 0 : Math.max(...this.#numbers) + 1 };
  }

  /** Number of uses of each stream that belongs to no model. */
  sharedCounters(): Record<string, number> {
    return this.#countersOf(({ owner }) => owner === undefined);
  }

  /** Sets the seed and the streams that belong to no model. */
  loadShared(seed: number, counters: RandomState['counters']): void {
    this.#seed = seed;
    for (const [name, { owner }] of this.#streams) if (owner === undefined) this.#streams.delete(name);
    this.#fill(counters);
  }

  #countersOf(wanted: (stream: RandomStream) => boolean): Record<string, number> {
    const used = [...this.#streams].filter(([, stream]) => stream.counter > 0 && wanted(stream));
    return Object.fromEntries(used.map(([name, { counter }]) => [name, counter]));
  }

  #fill(counters: RandomState['counters']): void {
    for (const [name, counter] of Object.entries(counters)) this.#stream(name).counter = counter;
  }

  #stream(name: string): RandomStream {
    let stream = this.#streams.get(name);
    if (stream === undefined) this.#streams.set(name, (stream = { hash: hash(name), counter: 0, owner: undefined }));
    return stream;
  }
}

/** Positions of the streams of one model. */
export interface ModelRandomState {
  readonly seed: number;
  readonly number: number;
  /** Number of uses of each. */
  readonly counters: Readonly<Record<string, number>>;
}

/**
 * The random streams of one model, which no other draws from. They depend on the seed that it was made under, and on its number: how many
 * models were made under that seed before it. seed() has them start anew, from the new seed.
 */
export class ModelGenerator {
  #number: number;
  #seed: number;
  /** Knows of the streams, so that a state of all streams has them. */
  #home: Generator;
  readonly #streams = new Map<string, RandomStream>();
  readonly #owner = new StreamOwner();

  /** `root`: the module that is the whole model. */
  constructor(
    readonly root: object,
    readonly made: Generator,
    number: number,
  ) {
    this.#number = number;
    this.#seed = made.seed;
    this.#home = made;
  }

  get number(): number {
    return this.#number;
  }

  /** The next key of a stream, as Generator.key(). */
  key(name: string): Tensor {
    this.#restart();
    return draw(this.#seed, this.#stream(name));
  }

  stateDict(): ModelRandomState {
    this.#restart();
    const used = [...this.#streams].filter(([, { counter }]) => counter > 0);
    return { seed: this.#seed, number: this.#number, counters: Object.fromEntries(used.map(([name, { counter }]) => [name, counter])) };
  }

  /** Goes on from where another model's, or its own, stood; those of other models stay as they are. */
  loadStateDict({ seed, number, counters }: ModelRandomState): void {
    this.#restart();
    this.#clear();
    this.#seed = seed;
    this.#number = number;
    for (const [name, counter] of Object.entries(counters)) this.#stream(name).counter = counter;
  }

  /** Follows seed() and random.loadStateDict(), which concern all streams. */
  #restart(): void {
    const now = generator();
    if (this.#home === now) return;
    this.#clear();
    this.#home = now;
    this.#seed = now.seed;
  }

  #clear(): void {
    this.#home.disown(this.#owner);
    this.#streams.clear();
  }

  #stream(name: string): RandomStream {
    let stream = this.#streams.get(name);
    if (stream === undefined) this.#streams.set(name, (stream = this.#home.own(numbered(name, this.#number), this.#owner)));
    return stream;
  }
}

/** A model by identity alone: streams, which are kept for states of all streams, keep no model. */
class StreamOwner {}

/** Number of uses of a stream. */
interface RandomStream {
  readonly hash: readonly [low: number, high: number];
  counter: number;
  /** Stands for the model that alone draws from it. */
  owner: StreamOwner | undefined;
}

interface Key {
  readonly stream: RandomStream;
  /** Value of the slot of the key. */
  readonly words: number[];
}

/** The keys of the step that is being recorded for drawn(). */
let recording: Key[] | undefined;

function draw(seed: number, stream: RandomStream): Tensor {
  const words = wordsOf(seed, stream.hash, stream.counter);
  stream.counter++;
  recording?.push({ stream, words });
  return slots(words, 'int32');
}

function wordsOf(seed: number, [low, high]: RandomStream['hash'], counter: number): number[] {
  return [seed | 0, Math.floor(seed / 2 ** 32) | 0, low, high, counter | 0];
}

/** Runs `fn`, which records a step. What it gives, and the keys that the step draws, which can go on to those of the next one. */
export function drawn<R>(fn: () => R): [R, Keys] {
  const keys: Key[] = [];
  const before = recording;
  recording = keys;
  try {
    return [fn(), new Keys(keys)];
  } finally {
    recording = before;
  }
}

/** The keys that one step has drawn. */
export class Keys {
  readonly #keys: readonly Key[];
  /** Number of uses of each stream in a step. */
  readonly #uses = new Map<RandomStream, number>();

  constructor(keys: readonly Key[]) {
    this.#keys = keys;
    for (const { stream } of keys) this.#uses.set(stream, (this.#uses.get(stream) ?? 0) + 1);
  }

  /** Makes them the keys that the step would draw next. */
  advance(): void {
    for (const { stream, words } of this.#keys) words[4] = (words[4]! + this.#uses.get(stream)!) | 0;
    for (const [stream, uses] of this.#uses) stream.counter += uses;
  }

  /** Takes back the draws of the last `steps` steps; of a number below 0, draws them again. */
  rollback(steps: number): void {
    for (const [stream, uses] of this.#uses) stream.counter -= uses * steps;
  }
}

/** The name of a model's stream among those of all models. */
function numbered(name: string, model: number): string {
  return model === 0 ? name : `${name} of model ${model}`;
}

/** FNV-1a in 64 bits over the UTF-8 bytes (http://www.isthe.com/chongo/tech/comp/fnv/), as two signed words, the lower first. */
function hash(name: string): [low: number, high: number] {
  let value = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(name)) value = BigInt.asUintN(64, (value ^ BigInt(byte)) * 0x100000001b3n);
  return [Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))];
}

/** Streams that can be exchanged for others. */
export interface RandomScope {
  generator: Generator;
}

const everywhere: RandomScope = { generator: new Generator({ seed: 0, counters: {} }) };
const scopes = new AsyncLocalStorage<RandomScope>();

/** The streams that are in use here. Modules note them when they are made. */
export function generator(): Generator {
  return (scopes.getStore() ?? everywhere).generator;
}

/** Puts others in their place. */
export function setGenerator(other: Generator): void {
  (scopes.getStore() ?? everywhere).generator = other;
}

/** Runs `fn`, and all that it awaits, with the streams of this scope; whatever else runs meanwhile goes on with its own. */
export function withRandomScope<R>(scope: RandomScope, fn: () => R): R {
  return scopes.run(scope, fn);
}
