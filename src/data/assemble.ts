import { DataError } from '../errors.js';
import { allocate, checkAttached, isNumericArray } from '../numeric-array.js';
import { sizeOf } from '../shape.js';
import { describeValue } from '../describe-value.js';
import { checkClasses, toClasses } from './examples.js';
import { flatten, type Nested } from './nested.js';
import type { Normalize } from './normalize.js';
import type { Stream, StreamItem } from './stream.js';

const OP = 'data.loader';

/** The arrays of one batch, owned by the loader. */
export interface BatchArrays {
  readonly x: Float32Array | Uint8Array;
  readonly y: Float32Array | Int32Array;
  readonly size: number;
  /** The number of its first example in the stream. */
  readonly first: number;
}

/** Copies the examples of a stream into batches, checks each against the stream's shapes, and normalises floats. */
export class Assembler {
  readonly #stream: Stream;
  readonly #batchSize: number;
  readonly #inputSize: number;
  readonly #targetSize: number;
  #x: Float32Array | Uint8Array | undefined;
  #y: Float32Array | Int32Array | undefined;
  #rows = 0;
  #seen = 0;

  constructor(stream: Stream, batchSize: number) {
    this.#stream = stream;
    this.#batchSize = batchSize;
    this.#inputSize = sizeOf(stream.shape);
    this.#targetSize = sizeOf(stream.targetShape);
  }

  /** Takes one example; true when the batch is full. */
  add(item: StreamItem): boolean {
    const x = this.#inputs(item, 1);
    const y = this.#targets(item, 1);
    this.#x ??= x instanceof Uint8Array ? this.#rowsOf(Uint8Array, this.#inputSize) : this.#rowsOf(Float32Array, this.#inputSize);
    this.#y ??= y instanceof Int32Array ? this.#rowsOf(Int32Array, 1) : this.#rowsOf(Float32Array, this.#targetSize);
    if (this.#x instanceof Uint8Array !== x instanceof Uint8Array) {
      throw this.#wrong('x', 'bytes and floats in one batch', 'one kind of array throughout');
    }
    this.#x.set(x, this.#rows * this.#inputSize);
    this.#y.set(y, this.#rows * this.#targetSize);
    this.#seen++;
    return ++this.#rows === this.#batchSize;
  }

  /** The examples since the last call, or undefined where there are none. */
  take(): BatchArrays | undefined {
    const size = this.#rows;
    if (size === 0) return undefined;
    const x = this.#x!.subarray(0, size * this.#inputSize);
    const y = this.#y!.subarray(0, size * this.#targetSize);
    this.#x = undefined;
    this.#y = undefined;
    this.#rows = 0;
    return { x, y, size, first: this.#seen - size };
  }

  /** Takes a ready batch. */
  whole(item: StreamItem): BatchArrays {
    const x = this.#inputs(item);
    const size = x.length / this.#inputSize;
    const y = this.#targets(item, size);
    const first = this.#seen;
    this.#seen += size;
    return { x: x.slice(), y: y.slice(), size, first };
  }

  /** The inputs of `count` examples, or of any whole number of them but 0. */
  #inputs(item: StreamItem, count?: number): Float32Array | Uint8Array {
    if (typeof item !== 'object' || item === null || !('x' in item) || !('y' in item)) {
      throw this.#wrong('the item', describeValue(item), 'an object { x, y }');
    }
    const x = this.#numbers(item.x, 'x', this.#stream.normalize$);
    const fits = count === undefined ? x.length > 0 && x.length % this.#inputSize === 0 : x.length === count * this.#inputSize;
    const many = count === undefined ? 'a multiple of ' : '';
    if (!fits) throw this.#wrong('x', `${x.length} elements`, `${many}${this.#inputSize}, the elements of shape [${this.#stream.shape.join(',')}]`);
    return x;
  }

  #targets({ y }: StreamItem, count: number): Float32Array | Int32Array {
    const { targetDtype, classes } = this.#stream;
    const from = { of: `stream '${this.#stream.name}'`, first: this.#seen };
    let targets: Float32Array | Int32Array;
    if (targetDtype === 'int32') {
      targets = toClasses(typeof y === 'number' ? [y] : y, from, OP);
      if (classes !== undefined) checkClasses(targets, classes, from, OP);
    } else {
      const values = this.#numbers(y, 'y');
      targets = values instanceof Float32Array ? values : new Float32Array(values);
    }
    if (targets.length !== count * this.#targetSize) throw this.#wrong('y', `${targets.length} elements`, `${count * this.#targetSize} for ${count} examples`);
    return targets;
  }

  /** Bytes as they are, everything else as floats. */
  #numbers(value: unknown, what: string, normalize?: Normalize): Float32Array | Uint8Array {
    const place = `${what} of example ${this.#seen} of stream '${this.#stream.name}'`;
    if (isNumericArray(value)) {
      checkAttached(OP, place, value);
      if (value instanceof Uint8Array) return value;
      if (value instanceof Uint8ClampedArray) return new Uint8Array(value);
      if (value instanceof Float32Array && normalize === undefined) return value;
    }
    if (typeof value === 'number') return flatten([value], OP, place, normalize).data;
    if (Array.isArray(value) || isNumericArray(value)) return flatten(value as Nested, OP, place, normalize).data;
    throw this.#wrong(what, describeValue(value), 'a typed array of numbers or numbers');
  }

  #rowsOf<A>(kind: new (length: number) => A, size: number): A {
    const count = this.#batchSize * size;
    return allocate(OP, `a batch of stream '${this.#stream.name}'`, count, () => new kind(count));
  }

  #wrong(what: string, got: string, expected: string): DataError {
    return new DataError(`[${OP}] stream '${this.#stream.name}', example ${this.#seen}: ${what} does not fit: got ${got}, expected ${expected}. Correct what the source gives.`, { op: OP });
  }
}
