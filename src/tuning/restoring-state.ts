import { ArgumentError } from '../errors.js';
import type { Loader } from '../data/index.js';
import { engine } from '../graph/engine.js';
import type { Module } from '../nn/module.js';
import type { Optimizer } from '../optim/index.js';
import type { Described } from '../state.js';
import type { Tensor } from '../tensor.js';
import { stateOf, loadState } from '../train/training-state.js';

/** Objects that an experiment may change. */
export interface Subject {
  readonly model: Module;
  readonly optimizer: Optimizer;
  readonly loader: Loader;
}

/**
 * Runs an experiment on a model in training mode, and leaves everything bit for bit as it was, however it ends: parameters, buffers and
 * modes of the model, gradients that wait for other optimizers, what the optimizer remembers and its rates, the random streams, and the loader's place in the data.
 */
export async function restoringState<R>(op: string, { model, optimizer, loader }: Subject, experiment: () => Promise<R>): Promise<R> {
  checkNothingWaits(op, model, optimizer);
  const trained = new Set(optimizer.parameters);
  const others = model.parameters().filter((parameter) => !trained.has(parameter));
  // Computed gradients of other optimizers' parameters are put aside.
  const putBack = engine().setAside(others);
  const state = await copied(stateOf(model, optimizer));
  const rates = optimizer.groups.map(({ lr }) => lr);
  const modes = model.modules().map(({ training }) => training);
  const position = loader.stateDict();
  try {
    model.train();
    return await experiment();
  } finally {
    engine().zeroGrad([...optimizer.parameters, ...others]);
    putBack();
    for (const [i, group] of optimizer.groups.entries()) group.lr = rates[i]!;
    for (const [i, module] of model.modules().entries()) module.training = modes[i]!;
    loader.loadStateDict(position);
    await loadState(model, optimizer, state);
  }
}

/** With elements of its own: those of the model are about to change. */
async function copied(state: ReadonlyMap<string, Tensor | Described>): Promise<Map<string, Described>> {
  const copies = [...state].map(async ([name, { shape, dtype, data }]): Promise<[string, Described]> => {
    const source = state.get(name)!;
    return [name, { shape, dtype, data: typeof data === 'function' ? await (source as Tensor).data() : data.slice() }];
  });
  return new Map(await Promise.all(copies));
}

/** Gradients that wait for a step would be lost. */
function checkNothingWaits(op: string, model: Module, { parameters }: Optimizer): void {
  const waiting = parameters.find(({ accumulator$ }) => accumulator$ !== undefined) ?? [...parameters, ...model.parameters()].find(({ pending$ }) => pending$ !== undefined);
  if (waiting === undefined) return;
  throw new ArgumentError(`[${op}] a gradient of ${waiting.name} waits for a step, and would be lost. Call optimizer.step() or zeroGrad() first.`, { op });
}
