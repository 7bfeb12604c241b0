import { modelStreams, modelStreamsFrom, sharedStreams, sharedStreamsFrom } from '../checkpoint/random-streams.js';
import type { Module } from '../nn/module.js';
import type { Optimizer, PlateauSchedule } from '../optim/index.js';
import { checkPlateauState } from '../optim/schedules/plateau.js';
import { below, checkState, elements, entriesOf, kindOf, mismatch, PARTS, type Described, type Source, type State } from '../state.js';
import type { Tensor } from '../tensor.js';
import { plateausOf } from './monitor.js';

const { model: MODEL, optimizer: OPTIMIZER } = PARTS;
const MODEL_RANDOM = 'random.model';
const PLATEAU = 'plateau.';
/** The name of how many epochs a trainer has completed. */
export const EPOCHS = 'epochs';

/** Model, optimizer, plateau schedules, the random streams of the model and those of no model, as tensors by name. */
export function stateOf(model: Module, optimizer: Optimizer): Map<string, Tensor | Described> {
  const state = new Map<string, Tensor | Described>();
  for (const [name, tensor] of model.stateDict()) state.set(MODEL + name, tensor);
  for (const [name, tensor] of optimizer.stateDict()) state.set(OPTIMIZER + name, tensor);
  for (const [name, streams] of [...sharedStreams(), ...modelStreams('model', model)]) state.set(name, streams);
  for (const [i, plateau] of plateausOf(optimizer).entries()) {
    const { rate, best, bad, cooling } = plateau.stateDict();
    // Doubles, word by word.
    state.set(`${PLATEAU}${i}`, { shape: [8], dtype: 'int32', data: new Int32Array(Float64Array.of(rate, best ?? NaN, bad, cooling).buffer) });
  }
  return state;
}

/** The other way round. All is checked before anything changes. Other models' random streams stay as they are. */
export async function loadState(model: Module, optimizer: Optimizer, state: State): Promise<void> {
  const given = entriesOf(state);
  checkKind(given);
  const weights = below(given, MODEL);
  checkState('loadStateDict', model.stateDict(), weights);
  const setShared = await sharedStreamsFrom(given);
  checkVersion(given);
  const setOwn = await modelStreamsFrom(given, 'model', model);
  const plateaus = await plateauStates(given, plateausOf(optimizer));
  await optimizer.loadStateDict(below(given, OPTIMIZER));
  await model.loadStateDict(weights);
  setShared();
  setOwn();
  for (const set of plateaus) set();
}

function checkKind(given: ReadonlyMap<string, Source>): void {
  const kind = kindOf(given);
  // A Trainer's that lacks something is told what.
  if (kind === 'trainer' || [...given.keys()].some((name) => name.startsWith(MODEL) || name.startsWith(OPTIMIZER))) return;
  const [whose, to] = kind === 'optimizer' ? ["an optimizer's", 'optimizer'] : ["a model's", 'model'];
  throw mismatch('loadStateDict', `the state is ${whose}, not a Trainer's. Pass it to trainer.${to}.loadStateDict(), which leaves the rest as it is; to go on with training, pass what was saved of a Trainer: save(trainer, path).`);
}

/** Versions in which random streams belonged to no model wrote none of a model. */
function checkVersion(given: ReadonlyMap<string, Source>): void {
  if (given.has(MODEL_RANDOM)) return;
  throw mismatch(
    'loadStateDict',
    `the checkpoint was written by an older version: it lacks '${MODEL_RANDOM}', the random streams of the model. Pass it to trainer.model.loadStateDict() and to trainer.optimizer.loadStateDict(), which take their parts; dropout then begins anew.`,
  );
}

/** The complete epochs of a trainer's state; 0 where it does not say. */
export async function epochsOf(state: State): Promise<number> {
  const source = entriesOf(state).get(EPOCHS);
  const epochs = source === undefined ? 0 : (await elements(source))[0];
  if (Number.isInteger(epochs) && epochs! >= 0) return epochs!;
  throw mismatch('loadStateDict', `'${EPOCHS}' is no count of epochs: got ${String(epochs)}, expected a whole number of at least 0. Pass what stateDict() gave.`);
}

/** Returns a function that gives each plateau schedule its state. */
async function plateauStates(given: ReadonlyMap<string, Source>, plateaus: readonly PlateauSchedule[]): Promise<(() => void)[]> {
  return Promise.all(
    plateaus.map(async (plateau, i) => {
      const source = given.get(`${PLATEAU}${i}`);
      if (source === undefined) throw mismatch('loadStateDict', `the state lacks '${PLATEAU}${i}', that of a reduceOnPlateau schedule. Pass what stateDict() of a Trainer with the same schedules gave.`);
      const words = Int32Array.from(await elements(source));
      if (words.length !== 8) throw mismatch('loadStateDict', `'${PLATEAU}${i}' is no state of a reduceOnPlateau schedule: got ${words.length} numbers, expected 8. Pass what stateDict() gave.`);
      const [rate = 0, best = 0, bad = 0, cooling = 0] = new Float64Array(words.buffer);
      const saved = { rate, best: Number.isNaN(best) ? null : best, bad, cooling };
      checkPlateauState(saved);
      return () => plateau.loadStateDict(saved);
    }),
  );
}
