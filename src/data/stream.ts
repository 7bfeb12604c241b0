import { ArgumentError, DataError } from '../errors.js';
import { inspected, labelled, type Inspect } from '../inspect.js';
import { fromArray, scalar } from '../ops/leaf.js';
import { gatherRows } from '../ops/index.js';
import { checkOptions } from '../options.js';
import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { Batch, TargetDType } from './dataset.js';
import type { Nested } from './nested.js';
import { affineOf, type Normalize } from './normalize.js';
import { ascending } from './order.js';
import { type Origin, withOrigin } from './origin.js';
import type { BatchArrays } from './assemble.js';

const OP = 'data.fromIterable';
const KNOWN = ['shape', 'targetShape', 'normalize', 'batches', 'classes', 'name'];

/** One example, or with `batches: true` a whole batch: x row-major, and y a class index (or one an example), or float targets. */
export interface StreamItem {
  readonly x: Float32Array | Uint8Array | Nested | number;
  readonly y: Float32Array | Int32Array | Uint8Array | Nested | number;
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
  readonly #normalize: Normalize | undefined;
  #opened = false;

  constructor(source: StreamSource | (() => StreamSource), options: StreamOptions<X, Y>, targetShape: Y, targetDtype: D) {
    this.name = options.name ?? 'stream';
    this.shape = options.shape;
    this.targetShape = targetShape;
    this.targetDtype = targetDtype;
    this.classes = options.classes;
    this.batches = options.batches ?? false;
    this.#source = source;
    this.#normalize = options.normalize;
    affineOf(options.normalize, false, OP);
  }

  /** What it is. */
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

  /** The tensors of a batch. Bytes are cast, and everything is normalised, natively in the step that uses them. */
  batch$({ x, y, size }: BatchArrays, origin: Origin): Batch<X, Y, D> {
    const shape = [size, ...this.shape];
    const bytes = x instanceof Uint8Array;
    const affine = affineOf(this.#normalize, bytes, OP);
    let inputs: Tensor = fromArray(x, shape, bytes ? 'uint8' : 'float32');
    if (bytes || affine !== undefined) {
      const rows = fromArray(ascending(size), [size], 'int32');
      inputs = gatherRows(inputs, rows, affine && scalar(affine.scale, 'float32'), affine && scalar(affine.shift, 'float32'));
    }
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
  checkOptions(OP, options, KNOWN);
  if (typeof source !== 'function' && !isIterable(source)) {
    throw new ArgumentError(`[${OP}] source: got ${source === null ? 'null' : typeof source}, expected an iterable, an async iterable, or a function that opens one.`, { op: OP });
  }
  for (const [option, shape] of [['shape', options.shape], ['targetShape', options.targetShape ?? []]] as const) {
    if (Array.isArray(shape) && shape.every((dim) => Number.isInteger(dim) && dim >= 1)) continue;
    throw new ArgumentError(`[${OP}] ${option}: got ${JSON.stringify(shape)}, expected an array of integers of at least 1, as in { ${option}: [784] }.`, { op: OP });
  }
  const shapes = { ...options, shape: [...options.shape], targetShape: [...(options.targetShape ?? [])] };
  return new Stream(source, shapes, shapes.targetShape, options.targetShape === undefined ? 'int32' : 'float32');
}

function isIterable(source: unknown): boolean {
  return typeof source === 'object' && source !== null && (Symbol.asyncIterator in source || Symbol.iterator in source);
}
