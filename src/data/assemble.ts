import { DataError } from '../errors.js';
import { allocate, checkAttached, isNumericArray } from '../numeric-array.js';
import { isRecord } from '../records.js';
import { showShape, sizeOf } from '../shape.js';
import { describeValue } from '../describe-value.js';
import { checkClasses, toClasses } from './examples.js';
import { flatten, type Nested } from './nested.js';
import type { Stream, StreamField, AnyItem } from './stream.js';

const OP = 'data.loader';

type Elements = Float32Array | Int32Array | Uint8Array;

/** The arrays of one batch, owned by the loader, in the order of the stream's fields. */
export interface BatchArrays {
  readonly inputs: readonly Elements[];
  readonly targets: readonly Elements[];
  readonly size: number;
  /** The number of its first example in the stream. */
  readonly first: number;
}

/** Copies the examples of a stream into batches, checks each against the stream's shapes, and normalises floats. */
export class Assembler {
  readonly #stream: Stream;
  readonly #batchSize: number;
  readonly #fields: readonly StreamField[];
  /** The arrays of the batch that is under way, one for each field. */
  #arrays: Elements[] = [];
  #rows = 0;
  #seen: number;

  /** `seen`: examples of the stream before the first that it gets. */
  constructor(stream: Stream, batchSize: number, seen: number) {
    this.#seen = seen;
    this.#stream = stream;
    this.#batchSize = batchSize;
    this.#fields = [...stream.inputs$, ...stream.targets$];
  }

  /** Takes one example; true when the batch is full. */
  add(item: AnyItem): boolean {
    const values = this.#read(item, 1);
    values.forEach((one, i) => {
      const { what, shape } = this.#fields[i]!;
      const size = sizeOf(shape);
      const array = (this.#arrays[i] ??= this.#rowsOf(one, size));
      if (array instanceof Uint8Array !== one instanceof Uint8Array) throw this.#wrong(what, 'bytes and floats in one batch', 'one kind of array throughout');
      array.set(one, this.#rows * size);
    });
    this.#seen++;
    return ++this.#rows === this.#batchSize;
  }

  /** The examples since the last call, or undefined where there are none. */
  take(): BatchArrays | undefined {
    const size = this.#rows;
    if (size === 0) return undefined;
    const arrays = this.#arrays.map((array, i) => array.subarray(0, size * sizeOf(this.#fields[i]!.shape)));
    this.#arrays = [];
    this.#rows = 0;
    return this.#batch(arrays, size, this.#seen - size);
  }

  /** Takes a ready batch. */
  whole(item: AnyItem): BatchArrays {
    const arrays = this.#read(item, undefined).map((array) => array.slice());
    const size = arrays[0]!.length / sizeOf(this.#fields[0]!.shape);
    this.#seen += size;
    return this.#batch(arrays, size, this.#seen - size);
  }

  #batch(arrays: readonly Elements[], size: number, first: number): BatchArrays {
    const count = this.#stream.inputs$.length;
    return { inputs: arrays.slice(0, count), targets: arrays.slice(count), size, first };
  }

  /** The values of `count` examples for each field, or of any whole number of them but 0. */
  #read(item: AnyItem, count: number | undefined): Elements[] {
    if (typeof item !== 'object' || item === null || !('x' in item) || !('y' in item)) throw this.#wrong('the item', describeValue(item), 'an object { x, y }');
    const { inputs$, targets$ } = this.#stream;
    const x = this.#valuesOf(item.x, 'x', inputs$);
    const first = this.#elements(x[0], inputs$[0]!);
    const one = sizeOf(inputs$[0]!.shape);
    const fits = count === undefined ? first.length > 0 && first.length % one === 0 : first.length === count * one;
    if (!fits) throw this.#wrong(inputs$[0]!.what, `${first.length} elements`, `${count === undefined ? 'a multiple of ' : ''}${one}, the elements of shape ${showShape(inputs$[0]!.shape)}`);
    const size = count ?? first.length / one;
    const rest = (values: readonly unknown[], fields: readonly StreamField[]): Elements[] =>
      fields.map((field, i) => {
        const read = this.#elements(values[i], field);
        const expected = size * sizeOf(field.shape);
        if (read.length !== expected) throw this.#wrong(field.what, `${read.length} elements`, `${expected} for ${size} examples`);
        return read;
      });
    return [first, ...rest(x.slice(1), inputs$.slice(1)), ...rest(this.#valuesOf(item.y, 'y', targets$), targets$)];
  }

  /** The values of the fields, in their order. */
  #valuesOf(values: unknown, what: 'x' | 'y', fields: readonly StreamField[]): readonly unknown[] {
    if (fields[0]!.name === undefined) return [values];
    const names = fields.map(({ name }) => name!);
    const expected = `a record with the fields of ${what === 'x' ? 'shape' : 'targetShape'}: ${names.join(', ')}`;
    if (!isRecord(values)) throw this.#wrong(what, describeValue(values), expected);
    const missing = names.find((name) => values[name] === undefined);
    if (missing !== undefined) throw this.#wrong(`${what}.${missing}`, 'nothing', expected);
    const other = Object.keys(values).find((name) => !names.includes(name));
    if (other !== undefined) throw this.#wrong(`${what}.${other}`, 'a field that the stream has not', expected);
    return names.map((name) => values[name]);
  }

  #elements(value: unknown, { what, dtype, label, normalize }: StreamField): Elements {
    if (label) {
      const from = { of: `stream '${this.#stream.name}'`, first: this.#seen };
      const labels = toClasses(typeof value === 'number' ? [value] : value, from, OP);
      if (this.#stream.classes !== undefined) checkClasses(labels, this.#stream.classes, from, OP);
      return labels;
    }
    if (dtype === 'int32') return this.#integers(value, what);
    const numbers = this.#numbers(value, what, normalize);
    return what.startsWith('y') && numbers instanceof Uint8Array ? new Float32Array(numbers) : numbers;
  }

  #integers(value: unknown, what: string): Int32Array {
    if (value instanceof Int32Array) {
      checkAttached(OP, this.#place(what), value);
      return value;
    }
    const flat = Array.isArray(value) && value.every((one) => typeof one === 'number');
    const numbers: ArrayLike<number> = flat ? (value as number[]) : typeof value === 'number' ? [value] : this.#numbers(value, what);
    return Int32Array.from(numbers, (one, i) => {
      if (one === (one | 0)) return one;
      throw this.#wrong(what, `${one} as element ${i}`, 'an integer of 32 bits');
    });
  }

  /** Bytes as they are, everything else as floats. */
  #numbers(value: unknown, what: string, normalize?: StreamField['normalize']): Float32Array | Uint8Array {
    const place = this.#place(what);
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

  #place(what: string): string {
    return `${what} of example ${this.#seen} of stream '${this.#stream.name}'`;
  }

  #rowsOf(like: Elements, size: number): Elements {
    const count = this.#batchSize * size;
    const kind = like instanceof Uint8Array ? Uint8Array : like instanceof Int32Array ? Int32Array : Float32Array;
    return allocate(OP, `a batch of stream '${this.#stream.name}'`, count, () => new kind(count));
  }

  #wrong(what: string, got: string, expected: string): DataError {
    return new DataError(`[${OP}] stream '${this.#stream.name}', example ${this.#seen}: ${what} does not fit: got ${got}, expected ${expected}. Correct what the source gives.`, { op: OP });
  }
}
