import { ArgumentError, DataError, DTypeError } from '../errors.js';
import { checkAttached, type IntegerArray, isNumericArray, type NumericArray } from '../numeric-array.js';
import { checkRequired, suggestion } from '../options.js';
import { isRecord, listFields, type ExampleShape, type ShapeRecord } from '../records.js';
import type { Shape } from '../shape.js';
import { describeValue } from '../describe-value.js';
import { Dataset, type DTypes, type Field, type InputDType, type NoTargets, type TargetDType } from './dataset.js';
import { checkClasses, checkFinite, isOneHot, nameOf, oneHotAdvice, toClasses } from './examples.js';
import { examplesOf, floatsOf, type Examples } from './field.js';
import type { Nested } from './nested.js';
import { checkExampleShape } from './example-shape.js';
import { affineOf, checkNormalize, type Normalize } from './normalize.js';

const OP = 'data.fromArrays';
const KNOWN = ['x', 'y', 'shape', 'targetShape', 'dtype', 'targetDtype', 'weights', 'normalize', 'classes', 'check', 'name'];

/** All examples of one array, one after the other: a typed array, or arrays in arrays. */
export type ArrayValues = NumericArray | Nested;

/** Arrays by name. */
export interface ArrayRecord {
  readonly [field: string]: ArrayValues;
}

/** One array, or a record of arrays with the fields of its shape. */
type ValuesOf<S extends ExampleShape> = S extends Shape ? ArrayValues : { readonly [K in keyof S]: ArrayValues };
/** A thing for one array, or for some of the fields of a record. */
export type PerField<S extends ExampleShape, T> = S extends Shape ? T : { readonly [K in keyof S]?: T | undefined };

/** The dtype that an array of type V gets: `T` where it was given. */
type ArrayDType<V, T> = [T] extends [InputDType] ? ([InputDType] extends [T] ? AsIs<V> : T) : AsIs<V>;
type AsIs<V> = V extends Int32Array ? 'int32' : 'float32';
/** The dtypes of an array or a record of them. */
export type DTypesOf<S extends ExampleShape, V, T> = S extends Shape
  ? ArrayDType<V, T>
  : { readonly [K in keyof S]: ArrayDType<K extends keyof V ? V[K] : never, K extends keyof T ? T[K] : undefined> };

interface Common<X extends ExampleShape, V, T> {
  /**
   * All inputs, one example after the other: bytes, an Int32Array, which stays int32, other typed arrays, which become floats, or arrays in
   * arrays; of several inputs a record of such, by name. Copied.
   */
  readonly x: V & ValuesOf<NoInfer<X>>;
  /** The shape of one example, without the batch; of a record a shape for each field. May be left out where x is arrays in arrays, which show it. */
  readonly shape?: X | undefined;
  /** 'int32' for inputs that are indices, such as tokens. Default: int32 of an Int32Array, else float32. */
  readonly dtype?: (T & PerField<NoInfer<X>, InputDType>) | undefined;
  /**
   * x' = (x - mean) / std, in double precision before anything is rounded to float32; for bytes x' = (x / 255 - mean) / std. Without it values
   * are cast and left as they are. One mean and deviation, or one for each column of examples [F] or [T, F]. Of a record for some of its fields.
   */
  readonly normalize?: PerField<NoInfer<X>, Normalize> | undefined;
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
export interface ClassArrays<X extends ExampleShape, V = ValuesOf<X>, T = unknown> extends Common<X, V, T> {
  /** One class index an example. Copied. */
  readonly y: IntegerArray | readonly number[];
  /** The number of classes; given, every label is checked to be in [0, classes) now instead of when a step runs. */
  readonly classes?: number | undefined;
  readonly targetShape?: undefined;
  readonly targetDtype?: undefined;
}

/** Inputs with float targets of any shape. */
export interface TargetArrays<X extends ExampleShape, Y extends Shape, V = ValuesOf<X>, T = unknown> extends Common<X, V, T> {
  /** All targets, one after the other. Copied. */
  readonly y: NumericArray | Nested;
  /** The shape of one target, without the batch: [] for one number an example, [1] for what a model with one output gives. */
  readonly targetShape: Y;
  readonly targetDtype?: undefined;
  readonly classes?: undefined;
}

/** Inputs with several targets each, by name. */
export interface RecordTargetArrays<X extends ExampleShape, Y extends ShapeRecord, V = ValuesOf<X>, T = unknown, W = ValuesOf<Y>, U = unknown> extends Common<X, V, T> {
  /** A record of arrays, as x: an Int32Array stays int32, for class indices. Copied. */
  readonly y: W & ValuesOf<NoInfer<Y>>;
  /** The shape of one target, without the batch, for each field. */
  readonly targetShape: Y;
  /** As dtype, for targets. */
  readonly targetDtype?: (U & PerField<NoInfer<Y>, TargetDType>) | undefined;
  readonly classes?: undefined;
}

/** Inputs alone, for predict() and for loops by hand. */
export interface InputArrays<X extends ExampleShape, V = ValuesOf<X>, T = unknown> extends Common<X, V, T> {
  readonly y?: never;
  readonly targetShape?: undefined;
  readonly targetDtype?: undefined;
  readonly classes?: undefined;
}

/** A shape without `readonly`, or a record of such. */
export type Written<S extends ExampleShape> = S extends Shape ? [...S] : { -readonly [K in keyof S]: S[K] extends Shape ? [...S[K]] : never };

/**
 * A dataset over arrays in memory. The arrays are copied; bytes stay bytes, and are cast and normalised natively when a batch
 * is used.
 *
 *     const train = data.fromArrays({ x: new Float32Array(200), y: new Int32Array(100), shape: [2] });   // 100 examples
 *     const curve = data.fromArrays({ x: [[0], [1]], y: [[0.5], [2]], shape: [1], targetShape: [1] });   // float targets
 *     const texts = data.fromArrays({                                                                     // two inputs
 *       x: { tokens: new Int32Array(320), lengths: new Int32Array(5) }, y: new Int32Array(5), shape: { tokens: [64], lengths: [] },
 *     });
 *     const unlabelled = data.fromArrays({ x: new Float32Array(200), shape: [2] });                       // no targets, for predict()
 *
 * Throws DataError, naming the dataset and the example, for lengths that do not fit, ragged or empty arrays, labels that are
 * no integers or outside [0, classes), and NaN or infinity where check: 'finite' asks to look; ArgumentError for records whose fields
 * do not belong together; DTypeError for other kinds of arrays; AnnealError for an unknown option.
 */
export function fromArrays<const X extends ExampleShape = number[], const V = ValuesOf<X>, const T = unknown>(arrays: ClassArrays<X, V, T>): Dataset<Written<X>, [], 'int32', DTypesOf<X, V, T>>;
export function fromArrays<const X extends ExampleShape = number[], const Y extends Shape = number[], const V = ValuesOf<X>, const T = unknown>(
  arrays: TargetArrays<X, Y, V, T>,
): Dataset<Written<X>, [...Y], 'float32', DTypesOf<X, V, T>>;
export function fromArrays<const X extends ExampleShape = number[], const Y extends ShapeRecord = ShapeRecord, const V = ValuesOf<X>, const T = unknown, const W = ValuesOf<Y>, const U = unknown>(
  arrays: RecordTargetArrays<X, Y, V, T, W, U>,
): Dataset<Written<X>, Written<Y>, DTypesOf<Y, W, U>, DTypesOf<X, V, T>>;
export function fromArrays<const X extends ExampleShape = number[], const V = ValuesOf<X>, const T = unknown>(arrays: InputArrays<X, V, T>): Dataset<Written<X>, NoTargets, NoTargets, DTypesOf<X, V, T>>;
export function fromArrays(given: InputArrays<ExampleShape> | ClassArrays<ExampleShape> | TargetArrays<ExampleShape, Shape> | RecordTargetArrays<ExampleShape, ShapeRecord>): Dataset<ExampleShape, ExampleShape, DTypes, DTypes> {
  checkRequired(OP, given, KNOWN);
  const arrays = given as Given;
  const name = nameOf(OP, arrays.name, 'data');
  const from = { of: `dataset '${name}'`, first: 0 };
  if (arrays.check !== undefined) checkAsked(OP, arrays.check);
  const x = inputsOf(arrays, name);
  const size = x.fields[0]!.size;
  const weights = arrays.weights === undefined ? undefined : weightsOf(OP, arrays.weights, size, name);
  const common = { name, size, inputs: x.fields, shape: x.shape, dtype: x.dtype, weights };
  const finite = (fields: readonly SizedField[]): void => {
    if (arrays.check === 'finite') for (const { what, data } of fields) if (data instanceof Float32Array) checkFinite(data, size, from, what, OP);
  };
  finite(x.fields);

  if (!Object.hasOwn(arrays, 'y')) {
    const other = (['targetShape', 'targetDtype', 'classes'] as const).find((option) => arrays[option] !== undefined);
    if (other !== undefined) throw new ArgumentError(`[${OP}] ${other}: got it without y, expected targets. Give y, or leave it out.`, { op: OP });
    return new Dataset({ ...common, targets: [], targetShape: {}, targetDtype: {}, classes: undefined });
  }
  if (isRecord(arrays.y)) {
    if (arrays.classes !== undefined) throw new ArgumentError(`[${OP}] classes: got it with a record of targets, expected one array of class indices. Leave it out.`, { op: OP });
    const y = fieldsOf(arrays.y, 'y', { op: OP, name, shape: arrays.targetShape, shapeOption: 'targetShape', dtype: arrays.targetDtype, dtypeOption: 'targetDtype' });
    for (const field of y.fields) checkCounts(OP, [x.fields[0]!.what, size], [field.what, field.size], name);
    finite(y.fields);
    return new Dataset({ ...common, targets: y.fields, targetShape: y.shape, targetDtype: y.dtype, classes: undefined });
  }
  if (arrays.targetDtype !== undefined) throw new ArgumentError(`[${OP}] targetDtype: got it with one array of targets, expected a record of them. Leave it out: targets are int32 without targetShape, float32 with it.`, { op: OP });
  if (arrays.targetShape === undefined) {
    const targets = toClasses(arrays.y, from, OP);
    checkCounts(OP, [x.fields[0]!.what, size], ['y', targets.length], name, targets);
    if (arrays.classes !== undefined) checkClasses(targets, arrays.classes as number, from, OP);
    return new Dataset({ ...common, targets: [{ name: undefined, data: targets, shape: [] }], targetShape: [], targetDtype: 'int32', classes: arrays.classes as number | undefined });
  }
  if (isRecord(arrays.targetShape)) throw mismatched(OP, 'y', arrays.y, 'targetShape', arrays.targetShape);
  if (arrays.classes !== undefined) throw new ArgumentError(`[${OP}] classes: got classes and targetShape, expected one of them: class indices have no targetShape.`, { op: OP });
  checkExampleShape(OP, 'targetShape', arrays.targetShape as Shape);
  const y = floatsOf(arrays.y, { op: OP, shape: arrays.targetShape as Shape, dataset: name, what: 'y', option: 'targetShape' });
  checkCounts(OP, [x.fields[0]!.what, size], ['y', y.size], name);
  const field = { name: undefined, data: y.data, shape: [...y.shape], size: y.size, what: 'y' };
  finite([field]);
  return new Dataset({ ...common, targets: [field], targetShape: field.shape, targetDtype: 'float32', classes: undefined });
}

/** Arguments of fromArrays() as they come, of whatever types. */
type Given = Readonly<Record<'x' | 'y' | 'shape' | 'targetShape' | 'dtype' | 'targetDtype' | 'normalize' | 'classes' | 'check' | 'name', unknown>> & Pick<ClassArrays<Shape>, 'weights'>;

type SizedField = Field & { readonly size: number; readonly what: string };

interface FieldsRead {
  readonly fields: readonly SizedField[];
  readonly shape: ExampleShape;
  readonly dtype: DTypes;
}

function inputsOf({ x, shape, dtype, normalize }: Given, name: string): FieldsRead {
  if (isRecord(x)) return fieldsOf(x, 'x', { op: OP, name, shape, shapeOption: 'shape', dtype, dtypeOption: 'dtype', normalize });
  if (isRecord(shape)) throw mismatched(OP, 'x', x, 'shape', shape);
  const field = fieldOf(x, undefined, 'x', { op: OP, name, shape, shapeOption: 'shape', dtype, dtypeOption: 'dtype', normalize });
  return { fields: [field], shape: field.shape, dtype: dtypeOf(field) };
}

/** Options by which the arrays of `x` or `y` are read. */
interface ReadOptions {
  readonly op: string;
  readonly name: string;
  readonly shape: unknown;
  readonly shapeOption: 'shape' | 'targetShape';
  readonly dtype: unknown;
  readonly dtypeOption: 'dtype' | 'targetDtype';
  readonly normalize?: unknown;
}

/** The arrays of a record. */
function fieldsOf(record: Readonly<Record<string, unknown>>, what: 'x' | 'y', options: ReadOptions): FieldsRead {
  const { op } = options;
  const names = fieldNames(op, record, what);
  const shapes = perField(op, options.shape, options.shapeOption, names, what, '[64]');
  const dtypes = perField(op, options.dtype, options.dtypeOption, names, what, "'int32'");
  const normalize = perField(op, options.normalize, 'normalize', names, what, '{ mean: 0, std: 1 }');
  const fields = names.map((field) => fieldOf(record[field], field, what, { ...options, shape: shapes[field], dtype: dtypes[field], normalize: normalize[field] }));
  for (const field of fields) checkCounts(op, [fields[0]!.what, fields[0]!.size], [field.what, field.size], options.name);
  return { fields, shape: Object.fromEntries(fields.map((field) => [field.name, field.shape])), dtype: Object.fromEntries(fields.map((field) => [field.name, dtypeOf(field)])) };
}

/** The names of the fields of a record. Throws ArgumentError where there are none. */
export function fieldNames(op: string, record: object, what: 'x' | 'y'): string[] {
  const names = Object.keys(record);
  if (names.length > 0) return names;
  throw new ArgumentError(`[${op}] ${what}: got a record without fields, expected at least one array, as in { tokens: new Int32Array(64) }.`, { op });
}

/** The fields of an option beside a record. Throws ArgumentError for what is no record, and for a field that the record has not. */
export function perField(op: string, option: unknown, name: string, known: readonly string[], what: string, example: string): Readonly<Record<string, unknown>> {
  if (option === undefined) return {};
  if (!isRecord(option)) {
    const got = Array.isArray(option) ? `[${option.map(describeValue).join(',')}]` : describeValue(option);
    throw new ArgumentError(`[${op}] ${name}: got ${got}, expected a record with the fields of ${what}: ${known.join(', ')}. Name the field, as in { ${name}: { ${known[0]}: ${example} } }.`, { op });
  }
  for (const field of Object.keys(option)) {
    if (known.includes(field)) continue;
    throw new ArgumentError(`[${op}] ${name}: got the field ${field}, expected one of those of ${what}: ${known.join(', ')}.${suggestion(field, known)} Leave it out, or give ${what} an array of that name.`, { op });
  }
  return option;
}

/** One array, which is read as its options say. */
export function fieldOf(values: unknown, field: string | undefined, of: 'x' | 'y', options: ReadOptions): SizedField {
  const place = (name: string): string => (field === undefined ? name : `${name}.${field}`);
  const [what, option] = [place(of), place(options.shapeOption)];
  const { op, shape, dtype } = options;
  const normalize = options.normalize as Normalize | undefined;
  if (shape !== undefined) checkExampleShape(op, option, shape as Shape);
  if (dtype !== undefined && dtype !== 'int32' && dtype !== 'float32') {
    throw new ArgumentError(`[${op}] ${place(options.dtypeOption)}: got ${describeValue(dtype)}, expected 'int32' or 'float32'. Bytes stay bytes in memory with 'float32'.`, { op });
  }
  checkNormalize(normalize, op);
  const read: Examples<Field['data']> = examplesOf(values, { op, shape: shape as Shape | undefined, dtype, normalize, dataset: options.name, what, option });
  const affine = normalize && read.data instanceof Uint8Array ? affineOf(normalize, op) : undefined;
  return { name: field, data: read.data, shape: [...read.shape], affine, size: read.size, what };
}

export const dtypeOf = ({ data }: Field): TargetDType => (data instanceof Int32Array ? 'int32' : 'float32');

/** The error of one array beside a record of shapes. */
export function mismatched(op: string, what: 'x' | 'y', values: unknown, option: string, shapes: object): ArgumentError {
  return new ArgumentError(`[${op}] ${what}: got ${describeValue(values)}, expected a record of arrays with the fields of ${option}: ${listFields(shapes)}. Make it one, or ${option} a shape.`, { op });
}

/** Throws DataError unless two arrays have as many examples; `labels` are looked at for what was meant. */
export function checkCounts(op: string, [first, x]: Counted, [other, y]: Counted, name: string, labels: Int32Array = new Int32Array()): void {
  if (x === y) return;
  const advice = isOneHot(labels, x) ? oneHotAdvice(labels.length / x) : `Example ${Math.min(x, y)} has no partner; check shape and the arrays.`;
  throw new DataError(`[${op}] dataset '${name}' has ${x} examples in ${first}, but ${y} in ${other}, expected as many. ${advice}`, { op });
}

/** Name of an array, and the number of its examples. */
export type Counted = readonly [what: string, size: number];

/** The weights of examples. */
export function weightsOf(op: string, weights: NumericArray | readonly number[], size: number, name: string): Float32Array {
  if (isNumericArray(weights)) checkAttached(op, `weights of dataset '${name}'`, weights);
  else if (!Array.isArray(weights)) {
    throw new DTypeError(`[${op}] weights of dataset '${name}': got ${describeValue(weights)}, expected an array with a number for each example.`, { op });
  }
  if (weights.length !== size) throw new DataError(`[${op}] dataset '${name}' has ${size} examples, but ${weights.length} weights, expected one an example.`, { op });
  const given = Float32Array.from(weights as ArrayLike<number>, (weight) => (typeof weight === 'number' ? weight : NaN));
  const bad = given.findIndex((weight) => !(weight >= 0 && weight < Infinity));
  if (bad >= 0) throw new DataError(`[${op}] weights of dataset '${name}', example ${bad}: got ${given[bad]}, expected a finite number of at least 0.`, { op });
  if (given.every((weight) => weight === 0)) throw new DataError(`[${op}] weights of dataset '${name}' are all 0, expected some above. Leave them out, or correct them.`, { op });
  return given;
}

/** Throws ArgumentError for what `check` does not know. */
export function checkAsked(op: string, check: unknown): void {
  if (check === 'finite') return;
  throw new ArgumentError(`[${op}] check: got ${describeValue(check)}, expected 'finite'.`, { op });
}
