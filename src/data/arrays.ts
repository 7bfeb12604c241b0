import { ArgumentError, DataError, DTypeError } from '../errors.js';
import { engine } from '../graph/engine.js';
import { allocate, checkAttached, type IntegerArray, isNumericArray, type NumericArray } from '../numeric-array.js';
import { checkRequired } from '../options.js';
import { sameShape, type Shape, showShape, sizeOf } from '../shape.js';
import { describeValue } from '../describe-value.js';
import { Dataset, type TargetDType } from './dataset.js';
import { checkClasses, checkFinite, isOneHot, nameOf, oneHotAdvice, toClasses } from './examples.js';
import { flatten, type Nested } from './nested.js';
import { checkExampleShape } from './example-shape.js';
import { affineOf, checkNormalize, type Normalize, normalizeInto } from './normalize.js';

const OP = 'data.fromArrays';
const KNOWN = ['x', 'y', 'shape', 'targetShape', 'weights', 'normalize', 'classes', 'check', 'name'];

interface Common<X extends Shape> {
  /** All inputs, one example after the other: bytes, other typed arrays, which become floats, or arrays in arrays. Copied. */
  readonly x: NumericArray | Nested;
  /** The shape of one example, without the batch. May be left out where x is arrays in arrays, which show it. */
  readonly shape?: X | undefined;
  /**
   * x' = (x - mean) / std, in double precision before anything is rounded to float32; for bytes x' = (x / 255 - mean) / std. Without it values
   * are cast and left as they are.
   */
  readonly normalize?: Normalize | undefined;
  /**
   * Weight of each example in the loss: at least 0, and not all of them 0. fit() and evaluate() give them to the loss, whose mean is then
   * the weighted one; in loops by hand they are `batch.weights`. Metrics count every example alike. Copied.
   */
  readonly weights?: NumericArray | readonly number[] | undefined;
  /** 'finite' looks for NaN and infinity in x and in float targets. */
  readonly check?: 'finite' | undefined;
  /** Stands in messages. Default 'data'. */
  readonly name?: string | undefined;
}

/** Inputs with a class index each. */
export interface ClassArrays<X extends Shape> extends Common<X> {
  /** One class index an example. Copied. */
  readonly y: IntegerArray | readonly number[];
  /** The number of classes; given, every label is checked to be in [0, classes) now instead of when a step runs. */
  readonly classes?: number | undefined;
  readonly targetShape?: undefined;
}

/** Inputs with float targets of any shape. */
export interface TargetArrays<X extends Shape, Y extends Shape> extends Common<X> {
  /** All targets, one after the other. Copied. */
  readonly y: NumericArray | Nested;
  /** The shape of one target, without the batch: [] for one number an example, [1] for what a model with one output gives. */
  readonly targetShape: Y;
  readonly classes?: undefined;
}

/**
 * A dataset over arrays in memory. The arrays are copied; bytes stay bytes, and are cast and normalised natively when a batch
 * is used.
 *
 *     const train = data.fromArrays({ x: new Float32Array(200), y: new Int32Array(100), shape: [2] });   // 100 examples
 *     const curve = data.fromArrays({ x: [[0], [1]], y: [[0.5], [2]], shape: [1], targetShape: [1] });   // float targets
 *
 * Throws DataError, naming the dataset and the example, for lengths that do not fit, ragged or empty arrays, labels that are
 * no integers or outside [0, classes), and NaN or infinity where check: 'finite' asks to look; DTypeError for other kinds of
 * arrays; AnnealError for an unknown option.
 */
export function fromArrays<const X extends Shape = number[]>(arrays: ClassArrays<X>): Dataset<[...X], [], 'int32'>;
export function fromArrays<const X extends Shape = number[], const Y extends Shape = number[]>(
  arrays: TargetArrays<X, Y>,
): Dataset<[...X], [...Y], 'float32'>;
export function fromArrays(arrays: ClassArrays<Shape> | TargetArrays<Shape, Shape>): Dataset<number[], number[], TargetDType> {
  checkRequired(OP, arrays, KNOWN);
  const name = nameOf(OP, arrays.name, 'data');
  if (arrays.shape !== undefined) checkExampleShape(OP, 'shape', arrays.shape);
  if (arrays.targetShape !== undefined) checkExampleShape(OP, 'targetShape', arrays.targetShape);
  const from = { of: `dataset '${name}'`, first: 0 };
  checkNormalize(arrays.normalize, OP);
  const x = inputsOf(arrays.x, arrays.shape, name, arrays.normalize);
  const weights = arrays.weights === undefined ? undefined : weightsOf(arrays.weights, x.size, name);
  const common = { name, shape: [...x.shape], size: x.size, inputs: x.data, weights, affine: arrays.normalize && x.data instanceof Uint8Array ? affineOf(arrays.normalize, OP) : undefined };
  if (arrays.check !== undefined) checkAsked(arrays.check);
  if (arrays.check === 'finite' && x.data instanceof Float32Array) checkFinite(x.data, x.size, from, 'x', OP);

  if (arrays.targetShape === undefined) {
    const targets = toClasses(arrays.y as ClassArrays<Shape>['y'], from, OP);
    checkCounts(x.size, targets.length, name, targets);
    if (arrays.classes !== undefined) checkClasses(targets, arrays.classes, from, OP);
    return new Dataset({ ...common, targets, targetShape: [] as number[], targetDtype: 'int32', classes: arrays.classes });
  }
  if (arrays.classes !== undefined) throw new ArgumentError(`[${OP}] got classes and targetShape, expected one of them: class indices have no targetShape.`, { op: OP });
  const y = floatsOf(arrays.y, arrays.targetShape, name, 'y', 'targetShape');
  checkCounts(x.size, y.size, name);
  if (arrays.check === 'finite') checkFinite(y.data, y.size, from, 'y', OP);
  return new Dataset({ ...common, targets: y.data, targetShape: [...y.shape], targetDtype: 'float32', classes: undefined });
}

interface Examples<A> {
  readonly data: A;
  readonly shape: Shape;
  readonly size: number;
}

/** A copy as floats, in memory of the engine's. */
function copyOf(values: NumericArray, what: string, normalize?: Normalize): Float32Array {
  checkAttached(OP, what, values);
  const copy = allocate(OP, what, values.length, () => new Float32Array(engine().memory(4 * values.length)));
  if (normalize === undefined) copy.set(values);
  else normalizeInto(copy, values, normalize);
  return copy;
}

function bytesOf(values: Uint8Array | Uint8ClampedArray, what: string): Uint8Array {
  checkAttached(OP, what, values);
  const copy = allocate(OP, what, values.length, () => new Uint8Array(engine().memory(values.length)));
  copy.set(values);
  return copy;
}

function inputsOf(x: unknown, shape: Shape | undefined, name: string, normalize: Normalize | undefined): Examples<Float32Array | Uint8Array> {
  if (x instanceof Uint8Array || x instanceof Uint8ClampedArray) return wholeExamples(bytesOf(x, `x of dataset '${name}'`), shape, name, 'x', 'shape');
  return floatsOf(x, shape, name, 'x', 'shape', normalize);
}

function floatsOf(values: unknown, shape: Shape | undefined, name: string, what: string, option: string, normalize?: Normalize): Examples<Float32Array> {
  const where = `${what} of dataset '${name}'`;
  if (isNumericArray(values)) return wholeExamples(copyOf(values, where, normalize), shape, name, what, option);
  if (!Array.isArray(values)) {
    throw new DTypeError(`[${OP}] ${where}: got ${describeValue(values)}, expected a typed array of numbers or arrays of numbers. Convert it, as in Float32Array.from(${what}, Number).`, { op: OP });
  }
  const nested = flatten(values as Nested, OP, where, normalize);
  const [size = 0, ...found] = nested.shape;
  if (found.length === 0) return wholeExamples(nested.data, shape, name, what, option);
  if (shape !== undefined && !sameShape(shape, found) && sizeOf(shape) !== sizeOf(found)) {
    throw new DataError(
      `[${OP}] ${where}: its examples have the shape ${showShape(found)}, which does not fit ${option} ${showShape(shape)}. Correct ${option}, or leave it out.`,
      { op: OP, shapes: [found, shape] },
    );
  }
  return wholeExamples(nested.data, shape ?? found, name, what, option, size);
}

/** Checks that `data` is a whole number of examples, and at least one. */
function wholeExamples<A extends Float32Array | Uint8Array>(data: A, shape: Shape | undefined, name: string, what: string, option: string, count?: number): Examples<A> {
  const where = `${what} of dataset '${name}'`;
  if (shape === undefined) {
    throw new ArgumentError(`[${OP}] ${where} is flat: got no ${option}, expected the shape of one example. Give ${option}, as in { ${option}: [784] }.`, { op: OP });
  }
  const one = sizeOf(shape);
  if (data.length === 0 || count === 0) throw new DataError(`[${OP}] ${where} is empty: got 0 elements, expected at least one example of ${showShape(shape)}.`, { op: OP });
  if (data.length % one !== 0) {
    const whole = Math.floor(data.length / one);
    throw new DataError(
      `[${OP}] ${where}: got ${data.length} elements, expected a multiple of ${one}, the elements of one example of ${showShape(shape)}: ` +
        `example ${whole} has only ${data.length % one}. Correct ${option}, or drop the incomplete example.`,
      { op: OP, shapes: [shape] },
    );
  }
  return { data, shape, size: data.length / one };
}

/** Throws DataError unless there are as many targets as inputs; `labels` are looked at for what was meant. */
function checkCounts(x: number, y: number, name: string, labels: Int32Array = new Int32Array()): void {
  if (x === y) return;
  const advice = isOneHot(labels, x) ? oneHotAdvice(labels.length / x) : `Example ${Math.min(x, y)} has no partner; check shape and the arrays.`;
  throw new DataError(`[${OP}] dataset '${name}' has ${x} examples in x, but ${y} in y, expected as many. ${advice}`, { op: OP });
}

function weightsOf(weights: NumericArray | readonly number[], size: number, name: string): Float32Array {
  if (isNumericArray(weights)) checkAttached(OP, `weights of dataset '${name}'`, weights);
  else if (!Array.isArray(weights)) {
    throw new DTypeError(`[${OP}] weights of dataset '${name}': got ${describeValue(weights)}, expected an array with a number for each example.`, { op: OP });
  }
  if (weights.length !== size) throw new DataError(`[${OP}] dataset '${name}' has ${size} examples, but ${weights.length} weights, expected one an example.`, { op: OP });
  const given = Float32Array.from(weights as ArrayLike<number>, (weight) => (typeof weight === 'number' ? weight : NaN));
  const bad = given.findIndex((weight) => !(weight >= 0 && weight < Infinity));
  if (bad >= 0) throw new DataError(`[${OP}] weights of dataset '${name}', example ${bad}: got ${given[bad]}, expected a finite number of at least 0.`, { op: OP });
  if (given.every((weight) => weight === 0)) throw new DataError(`[${OP}] weights of dataset '${name}' are all 0, expected some above. Leave them out, or correct them.`, { op: OP });
  return given;
}

function checkAsked(check: unknown): void {
  if (check === 'finite') return;
  throw new ArgumentError(`[${OP}] check: got ${describeValue(check)}, expected 'finite'.`, { op: OP });
}
