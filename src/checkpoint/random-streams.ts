import { generator, type ModelGenerator, type ModelRandomState, type RandomState } from '../generator.js';
import type { Module } from '../nn/module.js';
import { register } from '../nn/registry.js';
import { below, elements, mismatch, type Described, type Source } from '../state.js';

const SEED = 'random.seed';
const COUNTER = 'random.counter.';

/** Names of the streams of a model, as of `model`: its seed and number, and before the name of each stream how often it was used. */
const namesOf = (model: string): readonly [own: string, counter: string] => [`random.${model}`, `random.${model}.counter.`];

/** The positions of the random streams that belong to no model, as tensors by name. */
export function sharedStreams(): Map<string, Described> {
  const state = new Map([[SEED, integers(...wordsOf(generator().seed))]]);
  for (const [stream, count] of Object.entries(generator().sharedCounters())) state.set(COUNTER + stream, integers(count));
  return state;
}

/** The positions of the random streams of a model. */
export function modelStreams(name: string, model: Module): Map<string, Described> {
  const [key, counter] = namesOf(name);
  const own = streamsOf(model).stateDict();
  const state = new Map([[key, integers(...wordsOf(own.seed), own.number)]]);
  for (const [stream, count] of Object.entries(own.counters)) state.set(counter + stream, integers(count));
  return state;
}

/** Returns a function that gives the streams that belong to no model their positions. */
export async function sharedStreamsFrom(given: ReadonlyMap<string, Source>): Promise<() => void> {
  const [low = 0, high = 0] = await elementsOf(given, SEED);
  const { seed, counters: uses }: RandomState = { seed: seedOf(low, high), counters: await counters(given, COUNTER) };
  return () => generator().loadShared(seed, uses);
}

/** Returns a function that gives those of a model theirs. Other models' stay as they are. */
export async function modelStreamsFrom(given: ReadonlyMap<string, Source>, name: string, model: Module): Promise<() => void> {
  const [key, counter] = namesOf(name);
  const [low = 0, high = 0, number = 0] = await elementsOf(given, key);
  const state: ModelRandomState = { seed: seedOf(low, high), number, counters: await counters(given, counter) };
  return () => streamsOf(model).loadStateDict(state);
}

function streamsOf(model: Module): ModelGenerator {
  register(model);
  return model.generator$!;
}

const integers = (...values: number[]): Described => ({ shape: [values.length], dtype: 'int32', data: Int32Array.from(values) });
const wordsOf = (seed: number): [low: number, high: number] => [seed | 0, Math.floor(seed / 2 ** 32)];
const seedOf = (low: number, high: number): number => high * 2 ** 32 + (low >>> 0);

async function elementsOf(state: ReadonlyMap<string, Source>, name: string): Promise<ArrayLike<number> & Iterable<number>> {
  const source = state.get(name);
  if (source === undefined) throw mismatch('loadStateDict', `the state lacks '${name}'. Pass what stateDict() of a Trainer gave; a model's own goes to model.loadStateDict().`);
  return elements(source);
}

async function counters(state: ReadonlyMap<string, Source>, prefix: string): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const [stream, count] of below(state, prefix)) found[stream] = (await elements(count))[0] ?? 0;
  return found;
}
