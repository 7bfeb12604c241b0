import { ArgumentError } from '../errors.js';
import type { IntegerArray, NumericArray } from '../numeric-array.js';
import { checkRequired } from '../options.js';
import { isRecord, type ExampleShape } from '../records.js';
import type { Shape } from '../shape.js';
import { describeList, describeValue } from '../describe-value.js';
import { checkAsked, checkCounts, dtypeOf, fieldNames, fieldOf, mismatched, perField, weightsOf, type ArrayValues } from './arrays.js';
import { checkBuckets } from './buckets.js';
import { Dataset, type DTypes, type Field, type InputDType, type SequenceField, type TargetDType } from './dataset.js';
import { checkExampleShape } from './example-shape.js';
import { checkClasses, checkFinite, nameOf, toClasses } from './examples.js';
import type { Nested } from './nested.js';
import { checkNormalize, type Normalize } from './normalize.js';
import { sequencesOf } from './sequences.js';

const OP = 'data.padded';
const KNOWN = ['x', 'y', 'shape', 'targetShape', 'dtype', 'targetDtype', 'normalize', 'buckets', 'padding', 'targetPadding', 'weights', 'classes', 'check', 'name'];
/** Label that PyTorch's losses ignore, and ours where told; any other loss refuses it. */
const NO_LABEL = -100;

/** The shape of a sequence whose length differs from example to example: null, and the shape of one of its elements. */
export type SequenceShape = readonly [length: null, ...element: number[]];

/** The shape of one example: of a sequence, or of an array as in fromArrays(). */
export type PaddableShape = SequenceShape | Shape;

/** Shapes by name. */
export interface PaddableRecord {
  readonly [field: string]: PaddableShape;
}

/** One sequence an example: typed arrays or arrays of numbers, or of arrays in arrays where an element has a shape. */
export type SequenceValues = readonly (NumericArray | Nested)[];

type OneOf<S> = S extends SequenceShape ? SequenceValues : ArrayValues;
/** Values for a shape, or for each field of a record. */
type ValuesFor<S> = S extends PaddableShape ? OneOf<S> : { readonly [K in keyof S]: OneOf<S[K]> };
type PerField<S, T> = S extends PaddableShape ? T : { readonly [K in keyof S]?: T | undefined };

type SequenceFields<S> = { [K in keyof S]: S[K] extends SequenceShape ? K & string : never }[keyof S];
type IsUnion<T, U = T> = T extends unknown ? ([U] extends [T] ? false : true) : never;
/** Names of the lengths of a record: `lengths` of one sequence, `sourceLengths` and `targetLengths` of several. */
type LengthsOf<K extends string> = [K] extends [never] ? never : true extends IsUnion<K> ? `${K}Lengths` : 'lengths';

type PaddedShape<S> = S extends readonly [null, ...infer R extends number[]] ? [number, ...R] : S extends Shape ? [...S] : never;
type RecordShapes<S> = { -readonly [K in keyof S | LengthsOf<SequenceFields<S>>]: K extends keyof S ? PaddedShape<S[K]> : [] };
/** Shapes of inputs: of one list of sequences a record of `values` and `lengths`. */
export type PaddedInputs<S> = S extends SequenceShape ? { values: PaddedShape<S>; lengths: [] } : S extends Shape ? PaddedShape<S> : RecordShapes<S>;
/** Shapes of targets: one list of sequences is one tensor. */
export type PaddedTargets<S> = S extends PaddableShape ? PaddedShape<S> : RecordShapes<S>;

type DTypeFor<V, T> = [T] extends [InputDType] ? ([InputDType] extends [T] ? AsIs<V> : T) : AsIs<V>;
type AsIs<V> = V extends Int32Array | readonly Int32Array[] ? 'int32' : 'float32';
type At<V, K> = K extends keyof V ? V[K] : undefined;
type RecordDTypes<S, V, T> = { readonly [K in keyof S | LengthsOf<SequenceFields<S>>]: K extends keyof S ? DTypeFor<At<V, K>, At<T, K>> : 'int32' };
/** Dtypes of inputs; lengths are int32. */
export type PaddedDTypes<S, V, T> = S extends SequenceShape ? { readonly values: DTypeFor<V, T>; readonly lengths: 'int32' } : S extends Shape ? DTypeFor<V, T> : RecordDTypes<S, V, T>;
/** Dtypes of targets. */
export type PaddedTargetDTypes<S, V, T> = S extends SequenceShape ? DTypeFor<V, T> : S extends Shape ? 'float32' : RecordDTypes<S, V, T>;

interface Common<X extends PaddableShape | PaddableRecord, V, T> {
  /** One sequence an example, or a record of such lists and of arrays as fromArrays() takes. Copied. */
  readonly x: V & ValuesFor<NoInfer<X>>;
  /** The shape of one example, null where lengths differ: [null] for sequences of numbers, which is the default, [null, 13] for sequences of 13 numbers each; of a record a shape for each field. */
  readonly shape?: X | undefined;
  /** 'int32' for inputs that are indices, such as tokens. Default: int32 of Int32Arrays, else float32. */
  readonly dtype?: (T & PerField<NoInfer<X>, InputDType>) | undefined;
  /**
   * Lengths that grow, of which each batch is padded to the smallest that holds its longest sequence, so that there are few plans. A loader collects examples
   * of one bucket into a batch. Default: batches of any examples, padded to the longest of each.
   */
  readonly buckets?: readonly number[] | undefined;
  /** x' = (x - mean) / std for floats, x' = (x / 255 - mean) / std for bytes; of a record for some of its fields. What is behind the end is `padding` all the same. */
  readonly normalize?: PerField<NoInfer<X>, Normalize> | undefined;
  /** Value behind the end of inputs. Default 0. */
  readonly padding?: number | undefined;
  /** As in fromArrays(): the weight of each example in the loss. */
  readonly weights?: NumericArray | readonly number[] | undefined;
  /** 'finite' looks for NaN and infinity in float inputs and targets. */
  readonly check?: 'finite' | undefined;
  /** Stands in messages. Default 'data'. */
  readonly name?: string | undefined;
}

/** Sequences with a class index each. */
export interface PaddedClasses<X extends PaddableShape | PaddableRecord, V = ValuesFor<X>, T = unknown> extends Common<X, V, T> {
  /** One class index an example. Copied. */
  readonly y: IntegerArray | readonly number[];
  /** The number of classes; given, every label is checked. */
  readonly classes?: number | undefined;
  readonly targetShape?: undefined;
  readonly targetDtype?: undefined;
  readonly targetPadding?: undefined;
}

/** Sequences with targets of any shape, which may be sequences, too. */
export interface PaddedArrays<X extends PaddableShape | PaddableRecord, Y extends PaddableShape | PaddableRecord, V = ValuesFor<X>, T = unknown, W = ValuesFor<Y>, U = unknown> extends Common<X, V, T> {
  /** As x. */
  readonly y: W & ValuesFor<NoInfer<Y>>;
  /** The shape of one target: [null] for sequences, such as a label for each token; [] or [1] for one number. */
  readonly targetShape: Y;
  /** As dtype, for targets that are sequences or named. */
  readonly targetDtype?: (U & PerField<NoInfer<Y>, TargetDType>) | undefined;
  /** Value behind the end of targets. Default -100 of one list of int32 sequences, which crossEntropy leaves out with `ignoreIndex: -100` and refuses without; else 0. */
  readonly targetPadding?: number | undefined;
  readonly classes?: undefined;
}

/** A type parameter where it is not inferred; unlike NoInfer it is gone once the parameter is known. */
type Fixed<T> = [T][T extends unknown ? 0 : never];

/**
 * A dataset whose examples differ in length: a batch is padded to its longest, or to one of `buckets`, and has the lengths beside it.
 * x is one sequence an example: inputs are then the record `{ values: [B, T, ...], lengths: [B] }`. Of a record they are its fields, and
 * `lengths` int32, or of several lists of sequences one for each, as in `sourceLengths`; fields of a shape without null are arrays as in fromArrays(). Targets may be
 * sequences as well: one list is one tensor [B, T, ...], a record has lengths like that of inputs.
 *
 *     const texts = data.padded({ x: [[5, 2, 9], [7], [1, 4]], y: [0, 1, 1], dtype: 'int32', buckets: [2, 4] });
 *     for await (const [{ values, lengths }, labels] of data.loader(texts, { batchSize: 2 })) console.log(values.shape, lengths.shape, labels.shape);
 *
 *     const tagged = data.padded({                           // a label for each token
 *       x: { tokens: [Int32Array.of(5, 2), Int32Array.of(7)] }, y: [Int32Array.of(0, 1), Int32Array.of(1)], shape: { tokens: [null] }, targetShape: [null],
 *     });
 *
 * As torch.nn.utils.rnn.pad_sequence in a collate function, with the batch in front; buckets as tf.data's bucket_by_sequence_length. A sequence may be
 * empty; T is at least 1. The order of a shuffled loader is still a function of seed and epoch: full batches as their buckets fill, the others at the end.
 * Throws DataError, naming the dataset and the example, for sequences longer than the greatest bucket, for elements of other shapes, and for counts that differ;
 * ArgumentError where nothing is a sequence; DTypeError for other kinds of arrays; AnnealError for an unknown option.
 */
export function padded<const X extends PaddableShape | PaddableRecord = [null], const V = ValuesFor<X>, const T = unknown>(
  arrays: PaddedClasses<X, V, T>,
): Dataset<PaddedInputs<Fixed<X>>, [], 'int32', PaddedDTypes<Fixed<X>, Fixed<V>, Fixed<T>>>;
export function padded<
  const X extends PaddableShape | PaddableRecord = [null],
  const Y extends PaddableShape | PaddableRecord = [null],
  const V = ValuesFor<X>,
  const T = unknown,
  const W = ValuesFor<Y>,
  const U = unknown,
>(
  arrays: PaddedArrays<X, Y, V, T, W, U>,
): Dataset<PaddedInputs<Fixed<X>>, PaddedTargets<Fixed<Y>>, PaddedTargetDTypes<Fixed<Y>, Fixed<W>, Fixed<U>>, PaddedDTypes<Fixed<X>, Fixed<V>, Fixed<T>>>;
export function padded(given: object): Dataset<ExampleShape, ExampleShape, DTypes, DTypes> {
  checkRequired(OP, given, KNOWN);
  const arrays = given as Given;
  checkBuckets(OP, arrays.buckets);
  const name = nameOf(OP, arrays.name, 'data');
  if (arrays.check !== undefined) checkAsked(OP, arrays.check);
  const buckets = arrays.buckets === undefined ? undefined : [...(arrays.buckets as readonly number[])];
  const read = { name, buckets, padding: paddingOf('padding', arrays.padding) };
  const x = fieldsOf(arrays.x, { ...read, of: 'x', shape: arrays.shape, shapeOption: 'shape', dtype: arrays.dtype, dtypeOption: 'dtype', normalize: arrays.normalize });
  const { size } = x;
  const y = targetsOf(arrays, x, read);
  if (![...x.fields, ...y.fields].some((field) => 'sequences' in field)) {
    throw new ArgumentError(`[${OP}] shape: got no sequences, expected the shape of at least one with null in front, as in { shape: [null] }. Of arrays of one shape make data.fromArrays().`, { op: OP });
  }
  if (arrays.check === 'finite') for (const field of [...x.fields, ...y.fields]) checkElements(field, size, name);
  const weights = arrays.weights === undefined ? undefined : weightsOf(OP, arrays.weights, size, name);
  return new Dataset<ExampleShape, ExampleShape, DTypes, DTypes>({ name, size, weights, buckets, inputs: x.fields, shape: x.shape, dtype: x.dtype, targets: y.fields, targetShape: y.shape, targetDtype: y.dtype, classes: arrays.classes as number | undefined });
}

/** Arguments as they come, of whatever types. */
type Given = Readonly<Record<'x' | 'y' | 'shape' | 'targetShape' | 'dtype' | 'targetDtype' | 'normalize' | 'buckets' | 'padding' | 'targetPadding' | 'classes' | 'check' | 'name', unknown>> & Pick<Common<SequenceShape, unknown, unknown>, 'weights'>;

type Read = (Field | SequenceField) & { readonly size: number; readonly what: string };

interface FieldsRead {
  readonly fields: readonly Read[];
  readonly size: number;
  readonly shape: ExampleShape;
  readonly dtype: DTypes;
}

interface ReadOptions {
  readonly name: string;
  readonly buckets: readonly number[] | undefined;
  readonly padding: number | undefined;
  readonly of: 'x' | 'y';
  readonly shape: unknown;
  readonly shapeOption: 'shape' | 'targetShape';
  readonly dtype: unknown;
  readonly dtypeOption: 'dtype' | 'targetDtype';
  readonly normalize?: unknown;
}

function targetsOf(arrays: Given, x: FieldsRead, read: Pick<ReadOptions, 'name' | 'buckets'>): FieldsRead {
  const { name } = read;
  const { size } = x;
  const { y, targetShape, classes } = arrays;
  const from = { of: `dataset '${name}'`, first: 0 };
  if (targetShape === undefined && !isRecord(y)) {
    for (const option of ['targetDtype', 'targetPadding'] as const) {
      if (arrays[option] !== undefined) throw new ArgumentError(`[${OP}] ${option}: got it without targetShape, expected class indices alone. Leave it out, or give { targetShape: [null] } for sequences.`, { op: OP });
    }
    const data = toClasses(y, from, OP);
    checkCounts(OP, [x.fields[0]!.what, size], ['y', data.length], name, data);
    if (classes !== undefined) checkClasses(data, classes as number, from, OP);
    return { fields: [{ name: undefined, data, shape: [], size, what: 'y' }], size, shape: [], dtype: 'int32' };
  }
  if (classes !== undefined) throw new ArgumentError(`[${OP}] classes: got it with ${isRecord(y) ? 'a record of targets' : 'targetShape'}, expected one class index an example. Leave it out.`, { op: OP });
  const fields = fieldsOf(y, { ...read, padding: paddingOf('targetPadding', arrays.targetPadding), of: 'y', shape: targetShape, shapeOption: 'targetShape', dtype: arrays.targetDtype, dtypeOption: 'targetDtype' });
  checkCounts(OP, [x.fields[0]!.what, size], [fields.fields[0]!.what, fields.size], name);
  return fields;
}

/** The arrays and sequences of `x` or `y`. */
function fieldsOf(values: unknown, options: ReadOptions): FieldsRead {
  const { of, shape, shapeOption, dtype, dtypeOption, normalize, name } = options;
  if (!isRecord(values)) {
    if (isRecord(shape)) throw mismatched(OP, of, values, shapeOption, shape);
    const field = fieldRead(values, undefined, shape, dtype, normalize, options);
    if (of === 'y' && !('sequences' in field) && dtype !== undefined) throw new ArgumentError(`[${OP}] targetDtype: got it with targets that are no sequences, expected it with { targetShape: [null] } or a record. Leave it out.`, { op: OP });
    if (!('sequences' in field) || of === 'y') return { fields: [field], size: field.size, shape: shapeOf(field), dtype: kindOf(field) };
    return { fields: [{ ...field, name: 'values', lengths: 'lengths' }], size: field.size, shape: { values: shapeOf(field), lengths: [] }, dtype: { values: kindOf(field), lengths: 'int32' } };
  }
  const names = fieldNames(OP, values, of);
  const shapes = perField(OP, shape, shapeOption, names, of, '[null]');
  const dtypes = perField(OP, dtype, dtypeOption, names, of, "'int32'");
  const normalizes = perField(OP, normalize, 'normalize', names, of, '{ mean: 0, std: 1 }');
  const read = names.map((field) => fieldRead(values[field], field, shapes[field], dtypes[field], normalizes[field], options));
  const several = read.filter((field) => 'sequences' in field).length > 1;
  const fields = read.map((field) => ('sequences' in field ? { ...field, lengths: several ? `${field.name}Lengths` : 'lengths' } : field));
  for (const field of fields) {
    checkCounts(OP, [fields[0]!.what, fields[0]!.size], [field.what, field.size], name);
    if ('sequences' in field && names.includes(field.lengths)) {
      throw new ArgumentError(`[${OP}] ${of}.${field.lengths}: got a field of this name, expected another one: batches have the lengths of ${field.what} there. Rename it, or leave it out if it is the lengths.`, { op: OP });
    }
  }
  const lengths = fields.flatMap((field) => ('sequences' in field ? [field.lengths] : []));
  return {
    fields,
    size: fields[0]!.size,
    shape: Object.fromEntries([...fields.map((field) => [field.name!, shapeOf(field)] as const), ...lengths.map((field) => [field, [] as Shape] as const)]),
    dtype: Object.fromEntries([...fields.map((field) => [field.name!, kindOf(field)] as const), ...lengths.map((field) => [field, 'int32'] as const)]),
  };
}

function fieldRead(values: unknown, field: string | undefined, shape: unknown, dtype: unknown, normalize: unknown, options: ReadOptions): Read {
  const { of, name, buckets, shapeOption, dtypeOption } = options;
  const isSequence = shape === undefined || (Array.isArray(shape) && shape[0] === null);
  if (!isSequence) return fieldOf(values, field, of, { op: OP, name, shape, shapeOption, dtype, dtypeOption, normalize });
  checkNormalize(normalize as Normalize | undefined, OP);
  const place = (option: string): string => (field === undefined ? option : `${option}.${field}`);
  const [what, option] = [place(of), place(shapeOption)];
  if (dtype !== undefined && dtype !== 'int32' && dtype !== 'float32') throw new ArgumentError(`[${OP}] ${place(dtypeOption)}: got ${describeValue(dtype)}, expected 'int32' or 'float32'.`, { op: OP });
  const element = (shape as readonly unknown[] | undefined)?.slice(1) as Shape | undefined;
  if (element !== undefined) checkElement(option, element);
  // Labels alone are padded with what no class is; that they are labels shows when they are read.
  const read = sequencesOf(values, { op: OP, element, dtype, padding: options.padding ?? 0, normalize: normalize as Normalize | undefined, buckets, dataset: name, what, option });
  const unlabelled = of === 'y' && field === undefined && options.padding === undefined && read.data instanceof Int32Array;
  const sequences = unlabelled ? { ...read, padding: NO_LABEL } : read;
  if (sequences.data instanceof Int32Array && sequences.padding !== (sequences.padding | 0)) {
    throw new ArgumentError(`[${OP}] ${of === 'x' ? 'padding' : 'targetPadding'}: got ${sequences.padding} for ${what}, which is int32, expected an integer of 32 bits.`, { op: OP });
  }
  return { name: field, sequences, lengths: undefined, size: sequences.starts.length - 1, what };
}

function checkElement(option: string, element: Shape): void {
  if (element.includes(null as never)) throw new ArgumentError(`[${OP}] ${option}: got ${describeList([null, ...element])}, expected null in front alone: one dimension can differ.`, { op: OP });
  checkExampleShape(OP, option, [1, ...element]);
}

function paddingOf(option: string, padding: unknown): number | undefined {
  if (padding === undefined || typeof padding === 'number') return padding;
  throw new ArgumentError(`[${OP}] ${option}: got ${describeValue(padding)}, expected a number.`, { op: OP });
}

/** The shape of one example; of a sequence that of the longest. */
const shapeOf = (field: Read): Shape => ('sequences' in field ? [Math.max(field.sequences.longest, 1), ...field.sequences.element] : [...field.shape]);
const kindOf = (field: Read): TargetDType => ('sequences' in field ? (field.sequences.data instanceof Int32Array ? 'int32' : 'float32') : dtypeOf(field));

function checkElements(field: Read, size: number, name: string): void {
  const from = { of: `dataset '${name}'`, first: 0 };
  if (!('sequences' in field)) {
    if (field.data instanceof Float32Array) checkFinite(field.data, size, from, field.what, OP);
    return;
  }
  const { data, starts, element } = field.sequences;
  if (!(data instanceof Float32Array)) return;
  const one = element.reduce((product, dim) => product * dim, 1);
  for (let example = 0; example < size; example++) checkFinite(data.subarray(starts[example]! * one, starts[example + 1]! * one), 1, { ...from, first: example }, field.what, OP);
}
