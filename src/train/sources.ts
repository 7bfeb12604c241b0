import { Dataset, loader, Stream, StreamLoader, type Batch, type Loader, type TargetDType } from '../data/index.js';
import type { DType } from '../dtype.js';
import { ArgumentError } from '../errors.js';
import type { DifferShapes, Show } from '../nn/shape-mismatch.js';
import { withoutUndefined } from '../options.js';
import type { Shape } from '../shape.js';
import { describeValue } from '../describe-value.js';
import { inMemory } from './stepwise.js';

/** Source of batches: a dataset or a stream, of which a loader is made, or a loader. */
export type Source<X extends Shape = Shape, Y extends Shape = Shape, D extends TargetDType = TargetDType> = Dataset<X, Y, D> | Stream<X, Y, D> | Loader<X, Y, D>;

/** `unknown` where a model for I, with a loss that takes targets T, can use this data, else the reason why not. */
export type Suits<I extends Shape, T extends DType, X extends Shape, D extends TargetDType> =
  DifferShapes<I, X> extends true
    ? `the model takes examples of ${Show<I>}, but the data's are of ${Show<X>}`
    : TargetDType extends D
      ? unknown
      : D extends T
        ? unknown
        : `the loss takes ${T} targets, but the data's are ${D}`;

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
export function checkSource(op: string, source: unknown): void {
  if (source instanceof Dataset || source instanceof Stream || isLoader(source)) return;
  const given = (values: unknown): boolean => Array.isArray(values) || ArrayBuffer.isView(values);
  const advice = op === 'predict' ? (given(source) ? 'Make a tensor with the batch in front: tensor([row]), or tensor(row, { shape: [1, row.length] }).' : 'Make a tensor: tensor([row]).') : 'Make one of inputs and targets: data.fromArrays({ x, y, shape }).';
  const expected = op === 'predict' ? 'a tensor, a dataset, a stream or a loader' : 'a dataset, a stream or a loader';
  throw new ArgumentError(`[${op}] the data: got ${describeValue(source)}, expected ${expected}. ${advice}`, { op });
}

/** The loader for a source. Throws ArgumentError for options of loading beside a ready loader. */
export function toLoader(op: string, source: unknown, options: LoadOptions): Loader {
  const asked = withoutUndefined(options);
  if (source instanceof Dataset) return loader(source as Dataset, { batchSize: DEFAULT_BATCH, ...asked });
  if (source instanceof Stream) return loader(source as Stream, source.batches ? asked : { batchSize: DEFAULT_BATCH, ...asked });
  checkSource(op, source);
  const [name] = Object.keys(asked);
  if (name === undefined) return source as Loader;
  throw new ArgumentError(`[${op}] ${name}: the data is a loader, which has made that choice. Give ${name} to data.loader().`, { op });
}

/** The batches of a loader in the order of its dataset, without moving it on; those of a loader of one's own as it gives them. */
export function inOrder(batches: Loader): AsyncIterable<Batch<Shape, Shape, TargetDType>> {
  if (inMemory(batches)) return (async function* () { yield* batches.inOrder$(); })();
  return batches instanceof StreamLoader && batches.builtin ? (batches as StreamLoader).inOrder$() : batches;
}

function isLoader(source: unknown): source is AsyncIterable<Batch<Shape, Shape, TargetDType>> & Loader {
  return typeof source === 'object' && source !== null && Symbol.asyncIterator in source;
}
