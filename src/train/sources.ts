import { ArrayLoader, AsyncLoader, Dataset, type DTypes, FetchedDataset, FetchedLoader, loader, type Loader, Stream, StreamLoader, type TargetDType } from '../data/index.js';
import { describeValue } from '../describe-value.js';
import type { DType } from '../dtype.js';
import { ArgumentError, DataError } from '../errors.js';
import type { DifferShapes, Show } from '../nn/shape-mismatch.js';
import { withoutUndefined } from '../options.js';
import { isRecord, type ExampleShape, type ShapeRecord } from '../records.js';
import type { Shape } from '../shape.js';
import type { AnyBatch } from './step.js';

/** Source of batches: a dataset, a folder of images or a stream, of which a loader is made, or a loader. */
export type Source<X extends ExampleShape = ExampleShape, Y extends ExampleShape = ExampleShape, D extends DTypes = DTypes> =
  | Dataset<X, Y, D, DTypes>
  | FetchedDataset<X, Y, D, DTypes>
  | Stream<X, Y, D, DTypes>
  | Loader<X, Y, D, DTypes>;

/** `unknown` where a model for I, with a loss that takes targets T, can use this data, else the reason why not. */
export type Suits<I extends ExampleShape, T extends DType, X extends ExampleShape, D extends DTypes> = InputMismatch<I, X> extends infer E extends string
  ? [E] extends [never]
    ? SuitsLoss<T, D>
    : E
  : never;

type SuitsLoss<T extends DType, D extends DTypes> = D extends TargetDType
  ? TargetDType extends D
    ? unknown
    : D extends T
      ? unknown
      : `the loss takes ${T} targets, but the data's are ${D}`
  : DType extends T
    ? unknown
    : [keyof D] extends [never]
      ? 'the data has no targets'
      : `the loss takes one array of targets, but the data has several: ${keyof D & string}`;

/** Reason why a model for I cannot take examples of X; never where it can, or where that shows at the call only. */
type InputMismatch<I extends ExampleShape, X extends ExampleShape> = [ExampleShape] extends [I]
  ? never
  : [ExampleShape] extends [X]
    ? never
    : [I] extends [ShapeRecord]
      ? [X] extends [ShapeRecord]
        ? RecordMismatch<I, X>
        : `the model takes the fields ${keyof I & string}, but the data has one array of inputs`
      : [X] extends [ShapeRecord]
        ? `the model takes one input, but the data has the fields ${keyof X & string}`
        : ArrayMismatch<I, X>;

type ArrayMismatch<I extends ExampleShape, X extends ExampleShape> = I extends Shape
  ? X extends Shape
    ? DifferShapes<I, X> extends true
      ? `the model takes examples of ${Show<I>}, but the data's are of ${Show<X>}`
      : never
    : never
  : never;

/** Records whose fields are not known fit all. */
type RecordMismatch<I extends ShapeRecord, X extends ShapeRecord> = string extends keyof I
  ? never
  : string extends keyof X
    ? never
    : [Exclude<keyof I, keyof X>] extends [never]
      ? [Exclude<keyof X, keyof I>] extends [never]
        ? { [K in keyof I]: K extends keyof X ? FieldMismatch<K & string, I[K], X[K]> : never }[keyof I]
        : `the data has the field ${Exclude<keyof X, keyof I> & string}, which the model does not take`
      : `the model takes the field ${Exclude<keyof I, keyof X> & string}, which the data does not have`;

type FieldMismatch<K extends string, A extends Shape, B extends Shape> = DifferShapes<A, B> extends true ? `field ${K}: the model takes examples of ${Show<A>}, but the data's are of ${Show<B>}` : never;

export interface LoadOptions {
  /** Examples in a batch. Default 32. */
  readonly batchSize?: number | undefined;
  readonly shuffle?: boolean | undefined;
  readonly seed?: number | undefined;
  readonly dropLast?: boolean | undefined;
}

/** Examples in a batch where nobody says. */
export const DEFAULT_BATCH = 32;

/** Throws ArgumentError for what is no source of batches, before options are looked at: they may be targets, as in fit(x, y). */
export function checkSource(op: string, source: unknown, name = 'the data'): void {
  if (source instanceof Dataset || source instanceof FetchedDataset || source instanceof Stream || isLoader(source)) return;
  const isTable = isRecord(source) && source['train'] instanceof Dataset;
  const given = (values: unknown): boolean => Array.isArray(values) || ArrayBuffer.isView(values);
  const advice = op === 'predict' ? (given(source) ? 'Make a tensor with the batch in front: tensor([row]), or tensor(row, { shape: [1, row.length] }).' : 'Make a tensor: tensor([row]).') : isTable ? 'Pass a part of the table: table.train.' : 'Make one of inputs and targets: data.fromArrays({ x, y, shape }).';
  const expected = op === 'predict' ? 'a tensor, a dataset, a stream or a loader' : 'a dataset, a stream or a loader';
  throw new ArgumentError(`[${op}] ${name}: got ${describeValue(source)}, expected ${expected}. ${advice}`, { op });
}

/** The loader for a source. Throws ArgumentError for options of loading beside a ready loader. */
export function toLoader(op: string, source: unknown, options: LoadOptions): Loader {
  if (op !== 'predict') checkTargets(op, source);
  const asked = withoutUndefined(options);
  if (source instanceof Dataset) return loader(source as Dataset, { batchSize: DEFAULT_BATCH, ...asked });
  if (source instanceof FetchedDataset) return loader(source as FetchedDataset, { batchSize: DEFAULT_BATCH, ...asked });
  if (source instanceof Stream) return loader(source as Stream, source.batches ? asked : { batchSize: DEFAULT_BATCH, ...asked });
  checkSource(op, source);
  const [name] = Object.keys(asked);
  if (name === undefined) return source as Loader;
  throw new ArgumentError(`[${op}] ${name}: the data is a loader, which has made that choice. Give ${name} to data.loader().`, { op });
}

/** Throws ArgumentError for data without targets. */
function checkTargets(op: string, source: unknown): void {
  const dataset = source instanceof ArrayLoader ? source.dataset : source;
  if (!(dataset instanceof Dataset) || dataset.hasTargets) return;
  throw new ArgumentError(`[${op}] dataset '${dataset.name}' has no targets: got inputs alone, expected targets beside them. Give y: data.fromArrays({ x, y, shape }); predict() takes inputs alone.`, { op });
}

/** Returns whether the batches are this library's own, over arrays, so that they are there without waiting. */
export function inMemory(batches: Loader): batches is ArrayLoader {
  return batches instanceof ArrayLoader && batches.builtin;
}

/** The batches of a loader in the order of its dataset, without moving it on; those of a loader of one's own as it gives them. */
export function inOrder(batches: Loader): AsyncIterable<AnyBatch> {
  if (inMemory(batches)) return (async function* () { yield* batches.inOrder$(); })();
  return isAsync(batches) ? batches.inOrder$() : batches;
}

/** Returns whether the batches are this library's own, and have to be waited for. */
export function isAsync(batches: Loader): batches is AsyncLoader {
  return batches instanceof AsyncLoader && batches.builtin;
}

/** The transforms that a loader's images are trained through, as text; undefined where there are none, or it is not known. */
export function augmentationOf(batches: Loader): string | undefined {
  return batches instanceof ArrayLoader || batches instanceof FetchedLoader ? batches.dataset.augmentation : undefined;
}

function isLoader(source: unknown): source is AsyncIterable<AnyBatch> & Loader {
  return typeof source === 'object' && source !== null && Symbol.asyncIterator in source;
}

/** The error of data that has given no batch. */
export function nothingFrom(op: string, source: unknown, where = ''): DataError {
  const stream = source instanceof StreamLoader ? source.stream : source;
  const folder = source instanceof FetchedLoader ? source.dataset : source;
  if (folder instanceof FetchedDataset) return new DataError(`[${op}] dataset '${folder.name}' gave no batch${where}, expected at least one. All of its images were left out as damaged: see 'skipped' of the folder.`, { op });
  const [what, advice] =
    stream instanceof Stream
      ? [`stream '${stream.name}'`, 'A generator gives its examples once: give a function that makes a new one in each call, as in data.fromIterable(() => open(), ...). With dropLast, they have to fill a batch']
      : ['the data', 'A loader of your own has to begin anew whenever it is iterated'];
  return new DataError(`[${op}] ${what} gave no batch${where}, expected at least one. ${advice}.`, { op });
}
