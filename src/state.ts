import { dtypes, type DType, type TypedArray } from './dtype.js';
import { AnnealError, ArgumentError } from './errors.js';
import { engine } from './graph/engine.js';
import { checkOptions, closest } from './options.js';
import { sameShape, showShape, sizeOf, type Shape } from './shape.js';
import type { Tensor } from './tensor.js';
import { describeValue } from './describe-value.js';

/** Elements with a shape and a dtype: a Tensor, or what load() reads from a file. */
export interface Described {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly data: TypedArray | (() => Promise<TypedArray>);
}

export type Source = TypedArray | Described;
/** Tensors or arrays by name. */
export type State = ReadonlyMap<string, Source> | { readonly [name: string]: Source };

export function entriesOf(state: State): Map<string, Source> {
  if (typeof state !== 'object' || state === null || state instanceof Promise || Array.isArray(state) || ArrayBuffer.isView(state)) {
    throw new ArgumentError(`[loadStateDict] state: got ${describeValue(state)}, expected arrays by name. Pass what stateDict() gave, or await load(path).`, { op: 'loadStateDict' });
  }
  if (!(state instanceof Map)) return new Map(Object.entries(state));
  const odd = [...(state as ReadonlyMap<unknown, Source>).keys()].find((name) => typeof name !== 'string');
  if (odd !== undefined) throw new ArgumentError(`[loadStateDict] state: got the name ${describeValue(odd)}, expected strings. Pass what stateDict() or load() gave.`, { op: 'loadStateDict' });
  return new Map(state as ReadonlyMap<string, Source>);
}

/** Prefixes of the model's and the optimizer's entries in the state of a Trainer. */
export const PARTS = { model: 'model.', optimizer: 'optimizer.' } as const;

/** The name by which the state of a Trainer is known, beside those of its model. */
const SEED = 'random.seed';

/** Returns whose stateDict() gave these names, so far as they say it: a Trainer's, an optimizer's, or a model's. */
export function kindOf(names: ReadonlyMap<string, unknown>): 'trainer' | 'optimizer' | 'model' {
  const all = [...names.keys()];
  if (names.has(SEED) && all.some((name) => name.startsWith(PARTS.model))) return 'trainer';
  return names.has('steps') && all.some((name) => name.endsWith('.step')) ? 'optimizer' : 'model';
}

/** The entries whose name begins with `prefix`, without it. */
export function below(state: ReadonlyMap<string, Source>, prefix: string): Map<string, Source> {
  const own = new Map<string, Source>();
  for (const [name, source] of state) if (name.startsWith(prefix)) own.set(name.slice(prefix.length), source);
  return own;
}

export interface LoadOptions {
  /** True: the names have to be the same on both sides. Default true. */
  readonly strict?: boolean | undefined;
}

/** Writes the values of `state` into `targets`, after having checked all of them: nothing changes where something does not fit. */
export async function loadInto(op: string, targets: ReadonlyMap<string, Tensor>, state: State, options: LoadOptions = {}, shared: SharedNames = new Map()): Promise<void> {
  const pairs = checkState(op, targets, state, options, shared);
  const values = await Promise.all(pairs.map(({ source }) => elements(source)));
  await checkShared(op, pairs, values);
  for (const [i, { name, target }] of pairs.entries()) checkArray(op, name, target, values[i]!);
  const ends = await Promise.allSettled(pairs.map(({ target }, i) => engine().write(target, values[i]!) ?? Promise.resolve()));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

interface Pair {
  readonly name: string;
  readonly target: Tensor;
  readonly source: Source;
  /** The same weight by its other names. */
  readonly others: readonly { readonly name: string; readonly source: Source }[];
}

/** The further names of tensors that have several, and their name in `targets`. */
export type SharedNames = ReadonlyMap<string, string>;

/** Throws where a weight that is shared has different values by its names. */
async function checkShared(op: string, pairs: readonly Pair[], values: readonly TypedArray[]): Promise<void> {
  for (const [i, { name, target, others }] of pairs.entries()) {
    for (const other of others) {
      const data = await elements(other.source);
      checkArray(op, other.name, target, data);
      if (data.some((value, k) => !Object.is(value, values[i]![k]))) {
        throw mismatch(op, `'${other.name}' and '${name}' are one weight here, but the state has different values for them. Build a model that does not share it.`);
      }
    }
  }
}

/** Matches sources to targets. Throws AnnealError (ANNEAL_STATE_MISMATCH) where something does not fit. */
export function checkState(op: string, targets: ReadonlyMap<string, Tensor>, state: State, options: LoadOptions = {}, shared: SharedNames = new Map()): Pair[] {
  checkOptions(op, options, ['strict']);
  const all = entriesOf(state);
  // A checkpoint of training has the model's weights, under names of its own.
  const given = new Map(named(kindOf(all) === 'trainer' && !targets.has(SEED) ? below(all, PARTS.model) : all, new Set([...targets.keys(), ...shared.keys()])));
  const others = takeShared(given, shared);
  if (options.strict ?? true) checkNames(op, targets, given);
  else if (targets.size > 0 && ![...targets.keys()].some((name) => given.has(name))) {
    throw mismatch(op, `the state has nothing for this model: ${differenceOf(targets, given)!}. Pass the state of a model whose parts have the same names.`);
  }
  const pairs: Pair[] = [];
  for (const [name, target] of targets) {
    if (!given.has(name)) continue;
    const source = given.get(name)!;
    checkFits(op, name, target, source);
    for (const other of others.get(name) ?? []) checkFits(op, other.name, target, other.source);
    pairs.push({ name, target, source, others: others.get(name) ?? [] });
  }
  return pairs;
}

/** Takes entries out that stand by a further name of a weight; by the name of each they are returned, or put under it where it has no entry. */
function takeShared(given: Map<string, Source>, shared: SharedNames): Map<string, Pair['others'][number][]> {
  const others = new Map<string, Pair['others'][number][]>();
  for (const [alias, name] of shared) {
    const source = given.get(alias);
    if (source === undefined) continue;
    given.delete(alias);
    if (given.has(name)) others.set(name, [...(others.get(name) ?? []), { name: alias, source }]);
    else given.set(name, source);
  }
  return others;
}

/** The entries by the names of `targets`, which another library may write with underscores: `bn1.running_mean` is `bn1.runningMean`. */
function named(given: ReadonlyMap<string, Source>, targets: { has(name: string): boolean }): ReadonlyMap<string, Source> {
  const nameOf = (name: string): string => {
    const here = name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
    return !targets.has(name) && targets.has(here) && !given.has(here) ? here : name;
  };
  return new Map([...given].map(([name, source]) => [nameOf(name), source]));
}

/** The elements of a source. Those of a tensor are computed, or read, now. */
export async function elements(source: Source): Promise<TypedArray> {
  if (ArrayBuffer.isView(source)) return source;
  return typeof source.data === 'function' ? source.data() : source.data;
}

export function mismatch(op: string, what: string): AnnealError {
  return new AnnealError('ANNEAL_STATE_MISMATCH', `[${op}] ${what}`, { op });
}

function checkNames(op: string, targets: ReadonlyMap<string, unknown>, given: ReadonlyMap<string, unknown>): void {
  const difference = differenceOf(targets, given);
  if (difference === undefined) return;
  if (kindOf(given) === 'optimizer') throw mismatch(op, `the state is an optimizer's, not a model's: ${difference}. Pass it to optimizer.loadStateDict(), or what model.stateDict() gave.`);
  throw mismatch(op, `the state is of another model: ${difference}. Build the same model, or pass { strict: false } to load what has the same names.`);
}

/** Returns the names that are on one side only; undefined where they are the same. */
export function differenceOf(targets: ReadonlyMap<string, unknown>, given: ReadonlyMap<string, unknown>): string | undefined {
  const missing = [...targets.keys()].filter((name) => !given.has(name));
  const extra = [...given.keys()].filter((name) => !targets.has(name));
  if (missing.length === 0 && extra.length === 0) return undefined;
  const parts = [missing.length > 0 ? `it lacks ${some(missing)}` : '', extra.length > 0 ? `it has ${some(extra)}, which is not here${nearest(extra, targets)}` : ''];
  return parts.filter((part) => part !== '').join('; ');
}

/** The name that was probably meant, where only one is wrong. */
function nearest([name, ...more]: readonly string[], targets: ReadonlyMap<string, unknown>): string {
  const meant = name === undefined || more.length > 0 || targets.size === 0 ? undefined : closest(name, [...targets.keys()]);
  return meant === undefined ? '' : ` (did you mean '${meant}'?)`;
}

function some(names: readonly string[]): string {
  const shown = names.slice(0, 4).map((name) => `'${name}'`).join(', ');
  return names.length > 4 ? `${shown} and ${names.length - 4} more` : shown;
}

function checkFits(op: string, name: string, target: Tensor, source: Source): void {
  if (ArrayBuffer.isView(source)) return checkArray(op, name, target, source);
  if (source?.dtype === target.dtype && sameShape(source.shape, target.shape)) return;
  throw shapeMismatch(op, name, target, Array.isArray(source?.shape) ? `${source.dtype} ${showShape(source.shape)}` : 'no tensor');
}

/** Checks that a source has as many elements as its shape says. */
function checkArray(op: string, name: string, target: Tensor, data: TypedArray): void {
  if (data instanceof dtypes[target.dtype].array && data.length === sizeOf(target.shape)) return;
  throw shapeMismatch(op, name, target, ArrayBuffer.isView(data) ? `${data.constructor.name} of ${data.length} elements` : 'no typed array');
}

function shapeMismatch(op: string, name: string, target: Tensor, got: string): AnnealError {
  return mismatch(op, `'${name}' does not fit: got ${got}, expected ${target.dtype} ${showShape(target.shape)}. Build the model with the sizes that were saved.`);
}
