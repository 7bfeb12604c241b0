import { describeValue } from '../describe-value.js';
import { ArgumentError } from '../errors.js';
import { engine } from '../graph/engine.js';
import { withoutTracking } from '../graph/recorder.js';
import { Module } from '../nn/module.js';
import { Recompute } from '../nn/recompute.js';
import { mul, sum } from '../ops/index.js';
import { fromArray } from '../ops/leaf.js';
import type { Parameter } from '../parameter.js';
import { isRecord } from '../records.js';
import { below, checkState, mismatch, type Described, type Source, type State } from '../state.js';
import type { Tensor } from '../tensor.js';
import type { SavedArray } from './file.js';
import { modelStreams, modelStreamsFrom, sharedStreams, sharedStreamsFrom } from './random-streams.js';
import { sourcesOf } from './snapshot.js';

/** Anything whose stateDict() and loadStateDict() say and take what it knows: tensors by name, or values as JSON has them, and typed arrays. */
export interface CheckpointPart {
  stateDict(): ReadonlyMap<string, Tensor | Described> | object;
  // A method, so that each part may take the state that it gives.
  loadStateDict(state: never): void | Promise<void>;
}

/** Parts of a training by name: models, optimizers, loaders, plateau schedules, running metrics. */
export interface CheckpointParts {
  readonly [name: string]: CheckpointPart;
}

/** Names at which a checkpoint keeps other things. */
const RESERVED = ['random', 'gradients', 'info', 'state', 'fit', 'seed', 'counter', 'parts', 'values'];

/** Throws ArgumentError for what are no parts. */
export function checkParts(op: string, parts: unknown): asserts parts is CheckpointParts {
  if (!isRecord(parts) || Object.keys(parts).length === 0) throw new ArgumentError(`[${op}] parts: got ${describeValue(parts)}, expected an object of at least one, as in { model, optimizer, loader }.`, { op });
  for (const [name, part] of Object.entries(parts)) {
    if (!/^[A-Za-z_]\w*$/.test(name) || RESERVED.includes(name)) throw new ArgumentError(`[${op}] parts: got the name '${name}', expected letters and digits, and none of ${RESERVED.join(', ')}. Call it otherwise.`, { op });
    const { stateDict, loadStateDict } = (part ?? {}) as Partial<CheckpointPart>;
    if (typeof stateDict === 'function' && typeof loadStateDict === 'function') continue;
    throw new ArgumentError(`[${op}] parts.${name}: got ${describeValue(part)}, expected something with stateDict() and loadStateDict(), such as a model, an optimizer or a loader. Put plain values into values: { ... }.`, { op });
  }
}

/** The state of parts: tensors by name, the rest by part, and the printed structure of those that are models. */
export interface PartsState {
  readonly tensors: Map<string, Tensor | Described>;
  readonly rest: { readonly [part: string]: object };
  readonly structure: { readonly [part: string]: string };
}

/** Gathers the state of all parts, with the gradients that wait in models, and the random streams: of each model, and those of none. */
export function stateOfParts(parts: CheckpointParts): PartsState {
  const tensors = new Map<string, Tensor | Described>(sharedStreams());
  const rest: Record<string, object> = {};
  const structure: Record<string, string> = {};
  for (const [name, part] of Object.entries(parts)) {
    const state = part.stateDict();
    if (state instanceof Map) for (const [inner, tensor] of state as ReadonlyMap<string, Tensor | Described>) tensors.set(`${name}.${inner}`, tensor);
    else rest[name] = state;
    if (!(part instanceof Module)) continue;
    const model = part as unknown as Module;
    structure[name] = structureOf(model);
    for (const [stream, uses] of modelStreams(name, model)) tensors.set(stream, uses);
    for (const [inner, gradient] of gradientsOf(model)) tensors.set(`gradients.${name}.${inner}`, gradient);
  }
  return { tensors, rest, structure };
}

/** The modules of a model, a line each; what is computed again in it makes no difference. */
export function structureOf(model: Module): string {
  const modules = model.modules().filter((module) => !(module instanceof Recompute));
  const lines = modules.map((module) => `${module.path$ === '' ? '' : `${module.path$}: `}${module.children().length === 0 ? String(module) : module.constructor.name}`);
  return lines.join('\n');
}

function gradientsOf(model: Module): [string, Tensor][] {
  return [...model.namedParameters()].flatMap(([name, parameter]): [string, Tensor][] => {
    const gradient = engine().gradientOf(parameter);
    return gradient === undefined ? [] : [[name, gradient]];
  });
}

/** Gives parts the state that stateOfParts() gathered. Models are checked before anything changes. */
export async function loadParts(parts: CheckpointParts, arrays: ReadonlyMap<string, SavedArray>, rest: Readonly<Record<string, unknown>>): Promise<void> {
  const sources = sourcesOf(arrays);
  const set = [await sharedStreamsFrom(sources)];
  const models = Object.entries(parts).filter(([, part]) => part instanceof Module) as unknown as readonly (readonly [string, Module])[];
  for (const [name, model] of models) {
    checkThere(name, sources, rest);
    checkState('checkpoint', model.stateDict(), below(sources, `${name}.`));
    set.push(await modelStreamsFrom(sources, name, model));
  }
  for (const [name, part] of Object.entries(parts)) if (!(part instanceof Module)) await loadPart(name, part, sources, rest);
  for (const [name, model] of models) await model.loadStateDict(below(sources, `${name}.`));
  for (const apply of set) apply();
  for (const [name, model] of models) await restoreGradients(model, below(sources, `gradients.${name}.`));
}

async function loadPart(name: string, part: CheckpointPart, sources: ReadonlyMap<string, Source>, rest: Readonly<Record<string, unknown>>): Promise<void> {
  checkThere(name, sources, rest);
  const load = part.loadStateDict as (this: CheckpointPart, state: State | object) => void | Promise<void>;
  await load.call(part, Object.hasOwn(rest, name) ? (rest[name] as object) : below(sources, `${name}.`));
}

function checkThere(name: string, sources: ReadonlyMap<string, Source>, rest: Readonly<Record<string, unknown>>): void {
  if (Object.hasOwn(rest, name) || [...sources.keys()].some((other) => other.startsWith(`${name}.`))) return;
  const known = new Set([...Object.keys(rest), ...[...sources.keys()].map((other) => other.slice(0, other.indexOf('.')))]);
  throw mismatch('checkpoint', `the checkpoint has no part '${name}': got ${[...known].filter((other) => !RESERVED.includes(other)).join(', ')}. Load the parts that were saved, by the same names.`);
}

/** Makes gradients wait for a step again: those of a sum of parameters, each times its gradient, are just these. */
async function restoreGradients(model: Module, gradients: ReadonlyMap<string, Source>): Promise<void> {
  const all = model.namedParameters();
  engine().zeroGrad([...all.values()]);
  const waiting = [...gradients].flatMap(([name, source]): [Parameter, Tensor][] => {
    const parameter = all.get(name);
    return parameter === undefined ? [] : [[parameter, fromArray((source as Described).data as Float32Array, parameter.shape, 'float32')]];
  });
  if (waiting.length === 0) return;
  const products = withoutTracking(() => waiting.map(([parameter, gradient]) => sum(mul(parameter as Floats, gradient as Floats)) as Floats), true);
  for (const product of products) product.backward();
  await engine().accumulate(waiting.map(([parameter]) => parameter), []).done;
}

type Floats = Tensor<readonly number[], 'float32'>;
