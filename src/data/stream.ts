import { ArgumentError, DataError } from '../errors.js';
import { inspected, labelled, type Inspect } from '../inspect.js';
import { checkAttached, isNumericArray, type NumericArray } from '../numeric-array.js';
import { fromArray } from '../ops/leaf.js';
import { gatherRows } from '../ops/indexing.js';
import { checkFlags, checkRequired } from '../options.js';
import { isRecord, type ExampleShape } from '../records.js';
import type { Shape } from '../shape.js';
import { describeValue } from '../describe-value.js';
import type { Tensor } from '../tensor.js';
import { perField, type PerField, type Written } from './arrays.js';
import type { Batch, DefaultDType, DTypes, InputDType, TargetDType } from './dataset.js';
import { checkExampleShape } from './example-shape.js';
import { checkClassCount, nameOf } from './examples.js';
import type { Nested } from './nested.js';
import { affineOf, checkColumns, checkNormalize, type Normalize } from './normalize.js';
import { ascending } from './order.js';
import { type BatchOrigin, withOrigin } from './batch-origin.js';
import type { BatchArrays } from './assemble.js';

const OP = 'data.fromIterable';
const KNOWN = ['shape', 'targetShape', 'dtype', 'targetDtype', 'normalize', 'batches', 'seekable', 'classes', 'name'];

/** Values of one array of an example, or of a batch. */
export type ItemValues = NumericArray | Nested | number;

/** Values of one array, or of each field of a record. */
export type ItemOf<S extends ExampleShape> = S extends Shape ? ItemValues : { readonly [K in keyof S]: ItemValues };

/**
 * One example, or with `batches: true` a whole batch: x row-major, and y a class index (or one an example), or float targets; of streams with several
 * arrays, records of them.
 */
export interface StreamItem<X extends ExampleShape = Shape, Y extends ExampleShape = Shape> {
  readonly x: ItemOf<X>;
  readonly y: ItemOf<Y>;
}

export type StreamSource<X extends ExampleShape = Shape, Y extends ExampleShape = Shape> = Iterable<StreamItem<X, Y>> | AsyncIterable<StreamItem<X, Y>>;

/** The dtypes of a stream's arrays: float32 where nothing else was said. */
export type StreamDTypes<S extends ExampleShape, T> = S extends Shape ? Said<T> : { readonly [K in keyof S]: Said<K extends keyof T ? T[K] : undefined> };
type Said<T> = [T] extends [InputDType] ? ([InputDType] extends [T] ? 'float32' : T) : 'float32';

/** An example of any stream. */
export type AnyItem = StreamItem<ExampleShape, ExampleShape>;
type AnySource = StreamSource<ExampleShape, ExampleShape>;

/** Place at which a source is opened. */
export interface StreamPosition {
  /** The number of the pass, from 0. */
  readonly epoch: number;
  /** The number of the item to begin with, of examples, or of batches where the source gives those: 0, unless the stream is seekable and goes on in the middle of a pass. */
  readonly first: number;
}

export interface StreamOptions<X extends ExampleShape, Y extends ExampleShape = Shape, T = unknown, U = unknown> {
  /** The shape of one example, without the batch; of examples with several arrays a record of shapes, by name. */
  readonly shape: X;
  /** The shape of one float target, or of each of several targets by name; left out for class indices. */
  readonly targetShape?: Y | undefined;
  /** 'int32' for inputs that are indices, such as tokens; of a record for some of its fields. Default float32, whatever arrays the source gives. */
  readonly dtype?: (T & PerField<NoInfer<X>, InputDType>) | undefined;
  /** As dtype, for fields of a record of targets. */
  readonly targetDtype?: (Y extends Shape ? undefined : U & PerField<NoInfer<Y>, TargetDType>) | undefined;
  /** x' = (x - mean) / std for floats, x' = (x / 255 - mean) / std for bytes; of a record for some of its fields. */
  readonly normalize?: PerField<NoInfer<X>, Normalize> | undefined;
  /** The source gives ready batches instead of examples. */
  readonly batches?: boolean | undefined;
  /**
   * The function that opens the source begins with item number `first`, which it is given: then training goes on in the middle of a pass without reading what comes before. Default
   * false: items are read from the first one on, and left out.
   */
  readonly seekable?: boolean | undefined;
  /** The number of classes; given, every label is checked when it arrives. */
  readonly classes?: number | undefined;
  /** Stands in messages. Default 'stream'. */
  readonly name?: string | undefined;
}

/** One array of each example of a stream. */
export interface StreamField {
  /** Its name in the record; undefined where it is the only one, and no record. */
  readonly name: string | undefined;
  /** Its name in messages: `x`, `x.tokens`. */
  readonly what: string;
  readonly shape: Shape;
  readonly dtype: TargetDType;
  /** True for class indices, one an example. */
  readonly label: boolean;
  /** Mean and deviation by which floats are normalised before they are rounded. */
  readonly normalize: Normalize | undefined;
}

/** Shapes, dtypes and fields of a stream, checked. */
interface StreamSetup<X extends ExampleShape, Y extends ExampleShape, D extends DTypes, E extends DTypes> {
  readonly name: string;
  readonly classes: number | undefined;
  readonly batches: boolean;
  readonly seekable: boolean;
  readonly shape: X;
  readonly targetShape: Y;
  readonly dtype: E;
  readonly targetDtype: D;
  readonly inputs: readonly StreamField[];
  readonly targets: readonly StreamField[];
}

/** Opens a source at a place. */
type Opens = (at: StreamPosition) => AnySource;

/** Examples that arrive one after the other; data.loader() makes batches of them. */
export class Stream<X extends ExampleShape = Shape, Y extends ExampleShape = Shape, D extends DTypes = TargetDType, E extends DTypes = DefaultDType<X>> {
  readonly name: string;
  readonly shape: X;
  readonly targetShape: Y;
  /** Of the inputs, as batches have them. */
  readonly dtype: E;
  readonly targetDtype: D;
  readonly classes: number | undefined;
  readonly batches: boolean;
  readonly seekable: boolean;
  readonly inputs$: readonly StreamField[];
  readonly targets$: readonly StreamField[];
  readonly #source: AnySource | Opens;
  #opened = false;

  constructor(source: AnySource | Opens, setup: StreamSetup<X, Y, D, E>) {
    this.name = setup.name;
    this.shape = setup.shape;
    this.targetShape = setup.targetShape;
    this.dtype = setup.dtype;
    this.targetDtype = setup.targetDtype;
    this.classes = setup.classes;
    this.batches = setup.batches;
    this.seekable = setup.seekable;
    this.inputs$ = setup.inputs;
    this.targets$ = setup.targets;
    this.#source = source;
  }

  /** A description. */
  toJSON(): object {
    const { name, shape, dtype, targetShape, targetDtype, classes, batches } = this;
    return { name, shape, dtype, targetShape, targetDtype, classes, batches };
  }

  [inspected](depth: number, options: object, inspect: Inspect): string {
    return labelled('Stream', this.toJSON(), depth, options, inspect);
  }

  /** Begins a pass over the source. Throws DataError where the source cannot be read a second time. */
  open$(at: StreamPosition): Iterator<AnyItem> | AsyncIterator<AnyItem> {
    const source = typeof this.#source === 'function' ? this.#source(at) : this.#source;
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
  batch$({ inputs, targets, size }: BatchArrays, origin: BatchOrigin): Batch<X, Y, D, E> {
    const tensors = (fields: readonly StreamField[], arrays: BatchArrays['inputs']): unknown => {
      const all = fields.map((field, i) => [field.name, withOrigin(tensorOf(field, arrays[i]!, size), origin)] as const);
      return all[0]![0] === undefined ? all[0]![1] : Object.fromEntries(all as (readonly [string, Tensor])[]);
    };
    return [tensors(this.inputs$, inputs) as Batch<X, Y, D, E>[0], tensors(this.targets$, targets) as Batch<X, Y, D, E>[1]];
  }
}

function tensorOf({ shape, normalize }: StreamField, values: BatchArrays['inputs'][number], size: number): Tensor {
  if (!(values instanceof Uint8Array)) return fromArray(values, [size, ...shape], values instanceof Int32Array ? 'int32' : 'float32');
  return gatherRows(fromArray(values, [size, ...shape], 'uint8'), fromArray(ascending(size), [size], 'int32'), normalize && affineOf(normalize, OP));
}

export function isAsync(source: AnySource): source is AsyncIterable<AnyItem> {
  return Symbol.asyncIterator in source;
}

/**
 * A stream of examples { x, y } (or of ready batches of them) from an iterable, an async iterable or, so that there can be more
 * than one epoch, a function that opens one and is told the epoch. x and y may be records of arrays, with records of shapes. Arrays are copied.
 *
 *     async function* rows() { for await (const line of lines) yield { x: line.split(',').map(Number), y: 1 }; }
 *     const loader = data.loader(data.fromIterable(rows, { shape: [4] }), { batchSize: 32 });
 *
 *     function* numbers({ first }: data.StreamPosition) { for (let i = first; i < 1000; i++) yield { x: [i], y: i % 2 }; }
 *     const wide = data.fromIterable(numbers, { shape: [1], seekable: true });   // goes on in the middle of a pass at once
 *
 *     function* texts() { yield { x: { tokens: Int32Array.of(5, 2, 0), length: 2 }, y: 1 }; }
 *     const two = data.fromIterable(texts, { shape: { tokens: [3], length: [] }, dtype: { tokens: 'int32' } });
 *
 * Throws here ArgumentError, and AnnealError for an unknown option; in the loop DataError, naming the example and the field, for one that does not fit,
 * and whatever the source throws.
 */
export function fromIterable<const X extends ExampleShape, const T = unknown>(
  source: StreamSource<NoInfer<X>, []> | ((at: StreamPosition) => StreamSource<NoInfer<X>, []>),
  options: StreamOptions<X, [], T> & { readonly targetShape?: undefined },
): Stream<Written<X>, [], 'int32', StreamDTypes<X, T>>;
export function fromIterable<const X extends ExampleShape, const Y extends ExampleShape, const T = unknown, const U = unknown>(
  source: StreamSource<NoInfer<X>, NoInfer<Y>> | ((at: StreamPosition) => StreamSource<NoInfer<X>, NoInfer<Y>>),
  options: StreamOptions<X, Y, T, U> & { readonly targetShape: Y; readonly classes?: undefined },
): Stream<Written<X>, Written<Y>, StreamDTypes<Y, U>, StreamDTypes<X, T>>;
export function fromIterable(source: AnySource | Opens, options: Given): Stream<ExampleShape, ExampleShape, DTypes, DTypes> {
  checkRequired(OP, options, KNOWN);
  checkClassCount(OP, options.classes);
  checkFlags(OP, options, ['batches', 'seekable']);
  if (typeof source !== 'function' && !isIterable(source)) {
    throw new ArgumentError(`[${OP}] source: got ${describeValue(source)}, expected an iterable, an async iterable, or a function that opens one.`, { op: OP });
  }
  const { shape, targetShape, dtype, targetDtype, normalize, classes, batches = false, seekable = false } = options;
  if (seekable && typeof source !== 'function') throw new ArgumentError(`[${OP}] seekable: got ${describeValue(source)} as the source, expected a function that opens the source at a place, as in ({ epoch, first }) => open(first).`, { op: OP });
  const name = nameOf(OP, options.name, 'stream');
  const inputs = fieldsOf('x', 'shape', shape, 'dtype', dtype, normalize);
  if (targetShape === undefined || !isRecord(targetShape)) {
    if (targetDtype !== undefined) throw new ArgumentError(`[${OP}] targetDtype: got it with one array of targets, expected a record of them. Leave it out: targets are int32 without targetShape, float32 with it.`, { op: OP });
  }
  if (targetShape !== undefined && classes !== undefined) throw new ArgumentError(`[${OP}] classes: got it with targetShape, expected one of them: class indices have no targetShape.`, { op: OP });
  const label: StreamField = { name: undefined, what: 'y', shape: [], dtype: 'int32', label: true, normalize: undefined };
  const targets = targetShape === undefined ? [label] : fieldsOf('y', 'targetShape', targetShape, 'targetDtype', targetDtype, undefined);
  return new Stream<ExampleShape, ExampleShape, DTypes, DTypes>(source, {
    name,
    classes,
    batches,
    seekable,
    inputs,
    targets,
    shape: together(inputs, ({ shape: one }) => one),
    targetShape: together(targets, ({ shape: one }) => one),
    dtype: together(inputs, (field) => field.dtype),
    targetDtype: together(targets, (field) => field.dtype),
  });
}

/** Options of fromIterable() as they come. */
type Given = Pick<StreamOptions<Shape>, 'classes' | 'batches' | 'seekable' | 'name'> & Readonly<Partial<Record<'shape' | 'targetShape' | 'dtype' | 'targetDtype' | 'normalize', unknown>>>;

/** The fields of examples. Throws ArgumentError, naming the field, for options that do not fit. */
function fieldsOf(of: 'x' | 'y', shapeOption: string, shape: unknown, dtypeOption: string, dtype: unknown, normalize: unknown): StreamField[] {
  if (!isRecord(shape)) return [fieldOf(undefined, of, shapeOption, shape, dtypeOption, dtype, normalize)];
  const names = Object.keys(shape);
  if (names.length === 0) throw new ArgumentError(`[${OP}] ${shapeOption}: got a record without fields, expected at least one shape, as in { ${shapeOption}: { tokens: [64] } }.`, { op: OP });
  const dtypes = perField(OP, dtype, dtypeOption, names, shapeOption, "'int32'");
  const normalized = perField(OP, normalize, 'normalize', names, shapeOption, '{ mean: 0, std: 1 }');
  return names.map((name) => fieldOf(name, `${of}.${name}`, `${shapeOption}.${name}`, shape[name], `${dtypeOption}.${name}`, dtypes[name], normalized[name]));
}

function fieldOf(name: string | undefined, what: string, shapeOption: string, shape: unknown, dtypeOption: string, dtype: unknown, normalize: unknown): StreamField {
  checkExampleShape(OP, shapeOption, shape as Shape);
  if (dtype !== undefined && dtype !== 'int32' && dtype !== 'float32') throw new ArgumentError(`[${OP}] ${dtypeOption}: got ${describeValue(dtype)}, expected 'int32' or 'float32'.`, { op: OP });
  checkNormalize(normalize as Normalize | undefined, OP);
  checkColumns(normalize as Normalize | undefined, shape as Shape, OP, what);
  if (dtype === 'int32' && normalize !== undefined) throw new ArgumentError(`[${OP}] normalize: got it for ${what}, which is int32, expected floats. Leave it out, or give { dtype: 'float32' }.`, { op: OP });
  return { name, what, shape: [...(shape as Shape)], dtype: dtype ?? 'float32', label: false, normalize: normalize as Normalize | undefined };
}

/** A thing of each field: of one array the thing, of several a record. */
function together<T>(fields: readonly StreamField[], of: (field: StreamField) => T): T | { readonly [field: string]: T } {
  const [first] = fields;
  return first!.name === undefined ? of(first!) : Object.fromEntries(fields.map((field) => [field.name!, of(field)]));
}

function isIterable(source: unknown): boolean {
  return typeof source === 'object' && source !== null && (Symbol.asyncIterator in source || Symbol.iterator in source);
}
