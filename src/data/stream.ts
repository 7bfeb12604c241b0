import { ArgumentError, DataError } from '../errors.js';
import { inspected, labelled, type Inspect } from '../inspect.js';
import { checkAttached, isNumericArray, type NumericArray } from '../numeric-array.js';
import { fromArray } from '../ops/leaf.js';
import { gatherRows } from '../ops/indexing.js';
import { checkRequired } from '../options.js';
import { isRecord } from '../records.js';
import type { Shape } from '../shape.js';
import { describeValue } from '../describe-value.js';
import type { Tensor } from '../tensor.js';
import type { Batch, TargetDType } from './dataset.js';
import { checkExampleShape } from './example-shape.js';
import { checkClassCount, nameOf } from './examples.js';
import type { Nested } from './nested.js';
import { affineOf, checkNormalize, type Normalize } from './normalize.js';
import { ascending } from './order.js';
import { type BatchOrigin, withOrigin } from './batch-origin.js';
import type { BatchArrays } from './assemble.js';

const OP = 'data.fromIterable';
const KNOWN = ['shape', 'targetShape', 'normalize', 'batches', 'classes', 'name'];

/** One example, or with `batches: true` a whole batch: x row-major, and y a class index (or one an example), or float targets. */
export interface StreamItem {
  readonly x: NumericArray | Nested | number;
  readonly y: NumericArray | Nested | number;
}

export type StreamSource = Iterable<StreamItem> | AsyncIterable<StreamItem>;

export interface StreamOptions<X extends Shape, Y extends Shape = Shape> {
  /** The shape of one example, without the batch. */
  readonly shape: X;
  /** The shape of one float target; left out for class indices. */
  readonly targetShape?: Y | undefined;
  /** x' = (x - mean) / std for floats, x' = (x / 255 - mean) / std for bytes. */
  readonly normalize?: Normalize | undefined;
  /** The source gives ready batches instead of examples. */
  readonly batches?: boolean | undefined;
  /** The number of classes; given, every label is checked when it arrives. */
  readonly classes?: number | undefined;
  /** Stands in messages. Default 'stream'. */
  readonly name?: string | undefined;
}

/** Examples that arrive one after the other; data.loader() makes batches of them. */
export class Stream<X extends Shape = Shape, Y extends Shape = Shape, D extends TargetDType = TargetDType> {
  readonly name: string;
  readonly shape: X;
  readonly targetShape: Y;
  readonly targetDtype: D;
  readonly classes: number | undefined;
  readonly batches: boolean;
  readonly #source: StreamSource | (() => StreamSource);
  /** Mean and deviation by which floats are normalised before they are rounded. */
  readonly normalize$: Normalize | undefined;
  #opened = false;

  constructor(source: StreamSource | (() => StreamSource), options: StreamOptions<X, Y>, targetShape: Y, targetDtype: D) {
    this.name = nameOf(OP, options.name, 'stream');
    this.shape = options.shape;
    this.targetShape = targetShape;
    this.targetDtype = targetDtype;
    this.classes = options.classes;
    this.batches = options.batches ?? false;
    this.#source = source;
    this.normalize$ = options.normalize;
  }

  /** A description. */
  toJSON(): object {
    const { name, shape, targetShape, targetDtype, classes, batches } = this;
    return { name, shape, targetShape, targetDtype, classes, batches };
  }

  [inspected](depth: number, options: object, inspect: Inspect): string {
    return labelled('Stream', this.toJSON(), depth, options, inspect);
  }

  /** Begins a pass over the source. Throws DataError where the source cannot be read a second time. */
  open$(): Iterator<StreamItem> | AsyncIterator<StreamItem> {
    const source = typeof this.#source === 'function' ? this.#source() : this.#source;
    if (!isIterable(source)) throw new DataError(`[${OP}] stream '${this.name}': its function gave ${describeValue(source)}, expected an iterable or an async iterable. Return one.`, { op: OP });
    if (isNumericArray(source)) checkAttached(OP, `the source of stream '${this.name}'`, source);
    const iterator = isAsync(source) ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
    if ((iterator as unknown) === source && this.#opened && typeof this.#source !== 'function') {
      throw new DataError(
        `[${OP}] stream '${this.name}' was read already, and its source (a generator or stream) can be read only once. Give a function that opens it anew: data.fromIterable(() => open(), ...).`,
        { op: OP },
      );
    }
    this.#opened = true;
    return iterator;
  }

  /** The tensors of a batch. Bytes are cast and normalised natively in the step that uses them; floats are normalised already. */
  batch$({ x, y, size }: BatchArrays, origin: BatchOrigin): Batch<X, Y, D> {
    const shape = [size, ...this.shape];
    const bytes = x instanceof Uint8Array;
    let inputs: Tensor = fromArray(x, shape, bytes ? 'uint8' : 'float32');
    if (bytes) inputs = gatherRows(inputs, fromArray(ascending(size), [size], 'int32'), this.normalize$ && affineOf(this.normalize$, OP));
    const targets = fromArray(y, [size, ...this.targetShape], this.targetDtype);
    return [withOrigin(inputs, origin) as Batch<X, Y, D>[0], withOrigin(targets, origin) as unknown as Batch<X, Y, D>[1]];
  }
}

export function isAsync(source: StreamSource): source is AsyncIterable<StreamItem> {
  return Symbol.asyncIterator in source;
}

/**
 * A stream of examples { x, y } (or of ready batches of them) from an iterable, an async iterable or, so that there can be more
 * than one epoch, a function that opens one. Arrays are copied.
 *
 *     async function* rows() { for await (const line of lines) yield { x: parse(line), y: 1 }; }
 *     const loader = data.loader(data.fromIterable(rows, { shape: [4] }), { batchSize: 32 });
 *
 * Throws here ArgumentError, and AnnealError for an unknown option; in the loop DataError for an example that does not fit,
 * and whatever the source throws.
 */
export function fromIterable<const X extends Shape>(
  source: StreamSource | (() => StreamSource),
  options: StreamOptions<X> & { readonly targetShape?: undefined },
): Stream<[...X], [], 'int32'>;
export function fromIterable<const X extends Shape, const Y extends Shape>(
  source: StreamSource | (() => StreamSource),
  options: StreamOptions<X, Y> & { readonly targetShape: Y; readonly classes?: undefined },
): Stream<[...X], [...Y], 'float32'>;
export function fromIterable(source: StreamSource | (() => StreamSource), options: StreamOptions<Shape>): Stream<number[], number[], TargetDType> {
  checkRequired(OP, options, KNOWN);
  checkNormalize(options.normalize, OP);
  checkClassCount(OP, options.classes);
  if (options.batches !== undefined && typeof options.batches !== 'boolean') throw new ArgumentError(`[${OP}] batches: got ${describeValue(options.batches)}, expected true or false.`, { op: OP });
  if (typeof source !== 'function' && !isIterable(source)) {
    throw new ArgumentError(`[${OP}] source: got ${describeValue(source)}, expected an iterable, an async iterable, or a function that opens one.`, { op: OP });
  }
  for (const option of ['shape', 'targetShape'] as const) {
    if (isRecord(options[option])) {
      throw new ArgumentError(
        `[${OP}] ${option}: got a record of shapes, expected one shape: a stream has one array of inputs and one of targets. Load several with data.fromArrays(), or write a loader of your own.`,
        { op: OP },
      );
    }
  }
  checkExampleShape(OP, 'shape', options.shape);
  if (options.targetShape !== undefined) checkExampleShape(OP, 'targetShape', options.targetShape);
  const shapes = { ...options, shape: [...options.shape], targetShape: [...(options.targetShape ?? [])] };
  return new Stream(source, shapes, shapes.targetShape, options.targetShape === undefined ? 'int32' : 'float32');
}

function isIterable(source: unknown): boolean {
  return typeof source === 'object' && source !== null && (Symbol.asyncIterator in source || Symbol.iterator in source);
}
