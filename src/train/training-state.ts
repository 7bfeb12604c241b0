import type { Module } from '../nn/module.js';
import type { Optimizer, PlateauSchedule } from '../optim/index.js';
import * as random from '../random.js';
import { checkState, elements, entriesOf, mismatch, type Described, type Source, type State } from '../state.js';
import type { Tensor } from '../tensor.js';
import { plateausOf } from './plateaus.js';

const MODEL = 'model.';
const OPTIMIZER = 'optimizer.';
const SEED = 'random.seed';
const COUNTER = 'random.counter.';
const PLATEAU = 'plateau.';

/** Model, optimizer, random streams and plateau schedules as tensors by name. */
export function stateOf(model: Module, optimizer: Optimizer): Map<string, Tensor | Described> {
  const state = new Map<string, Tensor | Described>();
  for (const [name, tensor] of model.stateDict()) state.set(MODEL + name, tensor);
  for (const [name, tensor] of optimizer.stateDict()) state.set(OPTIMIZER + name, tensor);
  const { seed, counters } = random.stateDict();
  state.set(SEED, { shape: [2], dtype: 'int32', data: Int32Array.of(seed | 0, Math.floor(seed / 2 ** 32)) });
  for (const [stream, count] of Object.entries(counters)) state.set(COUNTER + stream, { shape: [], dtype: 'int32', data: Int32Array.of(count) });
  for (const [i, plateau] of plateausOf(optimizer).entries()) {
    const { rate, best, bad, cooling } = plateau.stateDict();
    // Doubles, word by word.
    state.set(`${PLATEAU}${i}`, { shape: [8], dtype: 'int32', data: new Int32Array(Float64Array.of(rate, best ?? NaN, bad, cooling).buffer) });
  }
  return state;
}

/** The other way round. All is checked before anything changes. */
export async function loadState(model: Module, optimizer: Optimizer, state: State): Promise<void> {
  const given = entriesOf(state);
  const weights = below(given, MODEL);
  checkState('loadStateDict', model.stateDict(), weights);
  const streams = await randomState(given);
  const plateaus = await plateauStates(given, plateausOf(optimizer));
  await optimizer.loadStateDict(below(given, OPTIMIZER));
  await model.loadStateDict(weights);
  random.loadStateDict(streams);
  for (const set of plateaus) set();
}

/** What gives each plateau schedule its state. */
async function plateauStates(given: ReadonlyMap<string, Source>, plateaus: readonly PlateauSchedule[]): Promise<(() => void)[]> {
  return Promise.all(
    plateaus.map(async (plateau, i) => {
      const source = given.get(`${PLATEAU}${i}`);
      if (source === undefined) throw mismatch('loadStateDict', `the state lacks '${PLATEAU}${i}', that of a reduceOnPlateau schedule. Pass what stateDict() of a Trainer with the same schedules gave.`);
      const [rate = 0, best = 0, bad = 0, cooling = 0] = new Float64Array(Int32Array.from(await elements(source)).buffer);
      return () => plateau.loadStateDict({ rate, best: Number.isNaN(best) ? null : best, bad, cooling });
    }),
  );
}

/** The entries whose name begins with `prefix`, without it. */
function below(state: ReadonlyMap<string, Source>, prefix: string): Map<string, Source> {
  const own = new Map<string, Source>();
  for (const [name, source] of state) if (name.startsWith(prefix)) own.set(name.slice(prefix.length), source);
  return own;
}

async function randomState(state: ReadonlyMap<string, Source>): Promise<random.RandomState> {
  const source = state.get(SEED);
  if (source === undefined) throw mismatch('loadStateDict', `the state lacks '${SEED}'. Pass what stateDict() of a Trainer gave; a model's own goes to model.loadStateDict().`);
  const [low = 0, high = 0] = await elements(source);
  const counters: Record<string, number> = {};
  for (const [stream, count] of below(state, COUNTER)) counters[stream] = (await elements(count))[0] ?? 0;
  return { seed: high * 2 ** 32 + (low >>> 0), counters };
}
