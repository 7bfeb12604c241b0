import { ArgumentError, DataError } from '../errors.js';
import { describeValue } from '../describe-value.js';
import type { IntegerArray, NumericArray } from '../numeric-array.js';
import { checkRequired } from '../options.js';
import { type Shape, sizeOf } from '../shape.js';
import { Dataset, type Field, type NoTargets } from './dataset.js';
import { checkExampleShape } from './example-shape.js';
import { checkClasses, nameOf, toClasses } from './examples.js';
import { floatsOf } from './field.js';
import type { Nested } from './nested.js';
import { checkNormalize, type Normalize } from './normalize.js';

const OP = 'data.windows';
const KNOWN = ['length', 'horizon', 'steps', 'stride', 'y', 'classes', 'shape', 'normalize', 'name'];

/** Options of all windows. */
interface Common<L extends number, S extends Shape | undefined> {
  /** Steps of a window. */
  readonly length: L;
  /** The first step of the target, counted from the last one of the window: 1 is the next, 0 that step itself. Default 1. */
  readonly horizon?: number | undefined;
  /** Steps of the target. Default 1. */
  readonly steps?: number | undefined;
  /** Steps between the beginnings of two windows. Default 1. */
  readonly stride?: number | undefined;
  /** The shape of one step, of a series that is a flat array: [F]. Default: as nested arrays show it; [] of a flat one. */
  readonly shape?: S | undefined;
  /** x' = (x - mean) / std, by one number each or by column; targets that are of the series are normalised, too. Of a series to be split, those of its first part. */
  readonly normalize?: Normalize | undefined;
  /** Stands in messages. Default 'series'. */
  readonly name?: string | undefined;
}

/** Windows with the series itself, further on, as targets. */
export interface ForecastOptions<L extends number = number, S extends Shape | undefined = Shape | undefined> extends Common<L, S> {
  readonly y?: undefined;
  readonly classes?: undefined;
}

/** Windows with float targets of another series, one number or more a step. */
export interface WindowTargetOptions<L extends number = number, S extends Shape | undefined = Shape | undefined> extends Common<L, S> {
  readonly y: Float32Array | Float64Array | Nested;
  readonly classes?: undefined;
}

/** Windows with a class of each step as targets. */
export interface WindowClassOptions<L extends number = number, S extends Shape | undefined = Shape | undefined> extends Common<L, S> {
  readonly y: IntegerArray;
  /** The number of classes; given, every label is checked. */
  readonly classes?: number | undefined;
  readonly steps?: undefined;
}

/** Windows without targets, for predict(): up to the last step of the series. */
export interface WindowInputOptions<L extends number = number, S extends Shape | undefined = Shape | undefined> extends Omit<Common<L, S>, 'horizon' | 'steps'> {
  readonly y: 'none';
  readonly horizon?: undefined;
  readonly steps?: undefined;
  readonly classes?: undefined;
}

/** The shape of a window: its length, and that of a step. */
export type WindowShape<L extends number, V, S> = S extends Shape ? [L, ...S] : V extends NumericArray | readonly number[] ? [L] : V extends readonly (NumericArray | readonly number[])[] ? [L, number] : number[];

type Given = ForecastOptions | WindowTargetOptions | WindowClassOptions | WindowInputOptions;

/**
 * Windows over a series, a step after the other, with what comes after each as its target. Windows lie over each other and are not copied: a batch gathers them natively. An example is [length] of a series of numbers,
 * [length, F] of one with F numbers a step; its target is [steps], or [F] and [steps, F]. Of targets that are given, one for each step of the series, integers in typed arrays are classes.
 *
 *     const load = Float32Array.from({ length: 500 }, (_, hour) => Math.sin(hour / 24));
 *     const hours = data.windows(load, { length: 48, horizon: 1, normalize: { mean: 0, std: 0.7 } });
 *     const [past, future] = hours.split(0.8, { shuffle: false, gap: 48 });         // no step in both
 *
 * As tf.keras.utils.timeseries_dataset_from_array. Throws ArgumentError for sizes that do not fit, DataError for a series that is too short, and as data.fromArrays() does.
 */
export function windows<V extends NumericArray | Nested, const L extends number, const S extends Shape | undefined = undefined>(series: V, options: WindowInputOptions<L, S>): Dataset<WindowShape<L, V, S>, NoTargets, NoTargets, 'float32'>;
export function windows<V extends NumericArray | Nested, const L extends number, const S extends Shape | undefined = undefined>(series: V, options: WindowClassOptions<L, S>): Dataset<WindowShape<L, V, S>, [], 'int32', 'float32'>;
export function windows<V extends NumericArray | Nested, const L extends number, const S extends Shape | undefined = undefined>(
  series: V,
  options: ForecastOptions<L, S> | WindowTargetOptions<L, S>,
): Dataset<WindowShape<L, V, S>, number[], 'float32', 'float32'>;
export function windows(series: NumericArray | Nested, options: Given): Dataset<number[], never, never, 'float32'> {
  checkRequired(OP, options, KNOWN);
  const { length, stride = 1, y, classes, shape, normalize } = options;
  const isForecast = y !== 'none';
  const [horizon, steps] = isForecast ? [options.horizon ?? 1, options.steps ?? 1] : [0, 1];
  for (const [what, value, least] of [['length', length, 1], ['horizon', horizon, 0], ['steps', steps, 1], ['stride', stride, 1]] as const) checkCount(what, value, least);
  if (!isForecast && (options.horizon !== undefined || options.steps !== undefined)) throw fail("horizon: got it with y: 'none', expected it with targets. Leave it out.");
  const name = nameOf(OP, options.name, 'series');
  if (shape !== undefined) checkExampleShape(OP, 'shape', shape);
  checkNormalize(normalize, OP);
  const read = floatsOf(series, { op: OP, shape: shape ?? (isFlat(series) ? [] : undefined), normalize, dataset: name, what: 'series', option: 'shape' });
  const needed = length + horizon + steps - 1;
  if (read.size < needed) throw new DataError(`[${OP}] series '${name}': got ${read.size} steps, expected at least ${needed}, of one window${isForecast ? ' and its target' : ''}. Take shorter windows, or a longer series.`, { op: OP });
  const size = Math.floor((read.size - needed) / stride) + 1;
  const x: Field = { name: undefined, data: read.data, shape: [length, ...read.shape], windows: { steps: read.size, stride } };
  const common = { name, size, inputs: [x], shape: [...x.shape], dtype: 'float32' as const };
  if (!isForecast) return new Dataset({ ...common, targets: [], targetShape: {}, targetDtype: {}, classes: undefined }) as never;
  const first = length - 1 + horizon;
  if (isClasses(y)) {
    if (steps !== 1) throw fail(`steps: got ${steps} with classes, expected 1: a window has one class. Leave it out.`);
    const labels = toClasses(y, { of: `series '${name}'`, first: 0 }, OP);
    checkSteps(labels.length, read.size, name);
    if (classes !== undefined) checkClasses(labels, classes, { of: `series '${name}'`, first: 0 }, OP);
    const data = Int32Array.from({ length: size }, (_, i) => labels[i * stride + first]!);
    return new Dataset({ ...common, targets: [{ name: undefined, data, shape: [] }], targetShape: [], targetDtype: 'int32', classes }) as never;
  }
  if (classes !== undefined) throw fail(`classes: got ${describeValue(classes)} with float targets, expected it with classes: an Int32Array of one label a step. Leave it out.`);
  const target = y === undefined ? read : floatsOf(y, { op: OP, shape: isFlat(y) ? [] : undefined, dataset: name, what: 'y', option: 'shape' });
  checkSteps(target.size, read.size, name);
  const one = sizeOf(target.shape);
  const targetShape = target.shape.length === 0 || steps > 1 ? [steps, ...target.shape] : [...target.shape];
  const data = new Float32Array(size * steps * one);
  for (let i = 0; i < size; i++) data.set(target.data.subarray((i * stride + first) * one, (i * stride + first + steps) * one), i * steps * one);
  return new Dataset({ ...common, targets: [{ name: undefined, data, shape: targetShape }], targetShape, targetDtype: 'float32', classes: undefined }) as never;
}

/** Returns whether these are numbers side by side: a step each. */
function isFlat(values: NumericArray | Nested): boolean {
  return ArrayBuffer.isView(values) || (Array.isArray(values) && typeof values[0] === 'number');
}

/** Returns whether targets are classes: integers, which typed arrays of them say. */
function isClasses(y: unknown): boolean {
  return ArrayBuffer.isView(y) && !(y instanceof Float32Array || y instanceof Float64Array);
}

function checkSteps(given: number, expected: number, name: string): void {
  if (given !== expected) throw new DataError(`[${OP}] series '${name}' has ${expected} steps, but ${given} in y, expected one target a step of the series.`, { op: OP });
}

function checkCount(name: string, value: unknown, least: number): void {
  if (!(Number.isSafeInteger(value) && (value as number) >= least)) throw fail(`${name}: got ${describeValue(value)}, expected an integer of at least ${least}.`);
}

function fail(what: string): ArgumentError {
  return new ArgumentError(`[${OP}] ${what}`, { op: OP });
}
