import type { TypedArray } from '../dtype.js';
import type { NumericArray } from '../numeric-array.js';
import { ArgumentError, FileFormatError } from '../errors.js';
import { describeValue } from '../describe-value.js';

/** Contents of an IDX file: uint8 stays bytes, other integers become int32, floats float32: doubles are rounded to the nearest, beyond float32's range to infinity. */
export interface IdxArray {
  readonly shape: number[];
  readonly dtype: 'uint8' | 'int32' | 'float32';
  readonly data: TypedArray;
}

/** The same with doubles as they stand in the file. */
export interface IdxNumbers extends Omit<IdxArray, 'data'> {
  readonly data: NumericArray;
}

/** Returns the array with doubles rounded to float32. */
export function rounded({ shape, dtype, data }: IdxNumbers): IdxArray {
  return { shape, dtype, data: data instanceof Float64Array ? Float32Array.from(data) : (data as TypedArray) };
}

interface Element {
  readonly bytes: 1 | 2 | 4 | 8;
  read(bytes: Uint8Array<ArrayBuffer>): Pick<IdxNumbers, 'dtype' | 'data'>;
}

/** By the third byte of the file; see the format's description at the end of yann.lecun.com/exdb/mnist. */
const ELEMENTS: { readonly [code: number]: Element } = {
  0x08: { bytes: 1, read: (bytes) => ({ dtype: 'uint8', data: bytes }) },
  0x09: { bytes: 1, read: ({ buffer }) => ({ dtype: 'int32', data: new Int32Array(new Int8Array(buffer)) }) },
  0x0b: { bytes: 2, read: (bytes) => ({ dtype: 'int32', data: new Int32Array(new Int16Array(native(bytes, 'swap16'))) }) },
  0x0c: { bytes: 4, read: (bytes) => ({ dtype: 'int32', data: new Int32Array(native(bytes, 'swap32')) }) },
  0x0d: { bytes: 4, read: (bytes) => ({ dtype: 'float32', data: new Float32Array(native(bytes, 'swap32')) }) },
  0x0e: { bytes: 8, read: (bytes) => ({ dtype: 'float32', data: new Float64Array(native(bytes, 'swap64')) }) },
};

const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** IDX is big-endian: turns the bytes round, in place, where this machine is not. */
function native(bytes: Uint8Array<ArrayBuffer>, swap: 'swap16' | 'swap32' | 'swap64'): ArrayBuffer {
  if (LITTLE_ENDIAN) Buffer.from(bytes.buffer)[swap]();
  return bytes.buffer;
}

const MAX_RANK = 8;
/** More bytes than this do not fit into one tensor. */
const MAX_BYTES = 2 ** 31 - 1;

interface Header {
  readonly element: Element;
  readonly shape: number[];
  /** Bytes of the header. */
  readonly length: number;
  /** Bytes of the elements. */
  readonly bytes: number;
}

/**
 * Takes an IDX file in pieces. The header is checked before anything is allocated, against `available`: the bytes
 * that the file can have at most.
 */
export class IdxParser {
  readonly #name: string;
  readonly #available: number;
  #start = new Uint8Array(0);
  #header: Header | undefined;
  #body = new Uint8Array(0);
  #filled = 0;

  constructor(name: string, available: number) {
    this.#name = name;
    this.#available = available;
  }

  write(piece: Uint8Array): void {
    if (this.#header !== undefined) return this.#append(piece);
    const start = new Uint8Array(this.#start.length + piece.length);
    start.set(this.#start);
    start.set(piece, this.#start.length);
    this.#start = start;
    const header = this.#parseHeader(start);
    if (header === undefined) return;
    const total = header.length + header.bytes;
    if (total > this.#available) throw this.#truncated(header, `at most ${this.#available}`);
    this.#header = header;
    this.#body = new Uint8Array(header.bytes);
    this.#start = new Uint8Array(0);
    this.#append(start.subarray(header.length));
  }

  end(): IdxNumbers {
    if (this.#header === undefined) throw this.#wrong(`it ends after ${this.#start.length} bytes, within its header. Download or copy it again`);
    if (this.#filled < this.#header.bytes) throw this.#truncated(this.#header, String(this.#header.length + this.#filled));
    return { shape: this.#header.shape, ...this.#header.element.read(this.#body) };
  }

  #append(piece: Uint8Array): void {
    if (this.#filled + piece.length > this.#body.length) {
      const { shape, length, bytes } = this.#header!;
      throw this.#wrong(`it is longer than the ${length + bytes} bytes that its header promises for the shape [${shape.join(',')}]. Download or copy it again`);
    }
    this.#body.set(piece, this.#filled);
    this.#filled += piece.length;
  }

  /** The header, or undefined while bytes of it are missing. */
  #parseHeader(start: Uint8Array): Header | undefined {
    if (start.length < 4) return undefined;
    const [zero, nought, code, rank] = start as unknown as [number, number, number, number];
    if (zero !== 0 || nought !== 0) {
      const got = [...start.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
      throw this.#wrong(`it begins with ${got}, expected 00 00, then a type and a rank. It is no IDX file; check the path`);
    }
    const element = ELEMENTS[code];
    if (element === undefined) throw this.#wrong(`its type byte is 0x${code.toString(16).padStart(2, '0')}, expected one of 08, 09, 0b, 0c, 0d, 0e. Check the file`);
    if (rank < 1 || rank > MAX_RANK) throw this.#wrong(`its rank is ${rank}, expected 1 to ${MAX_RANK}. Check the file`);
    const length = 4 + 4 * rank;
    if (start.length < length) return undefined;
    const view = new DataView(start.buffer);
    const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
    return { element, shape, length, bytes: this.#bytesOf(shape, element) };
  }

  #bytesOf(shape: readonly number[], element: Element): number {
    let bytes: number = element.bytes;
    for (const dim of shape) {
      bytes *= dim;
      if (bytes > MAX_BYTES) throw this.#wrong(`its shape [${shape.join(',')}] asks for more than ${MAX_BYTES} bytes. Check the file, or split it`);
    }
    if (bytes === 0) throw this.#wrong(`its shape [${shape.join(',')}] holds no elements. Check the file`);
    return bytes;
  }

  #truncated({ shape, length, bytes }: Header, got: string): FileFormatError {
    return this.#wrong(`it is truncated: got ${got} bytes, expected ${length + bytes} for the shape [${shape.join(',')}]. Download or copy it again`);
  }

  #wrong(what: string): FileFormatError {
    return new FileFormatError(`[readIdx] ${this.#name} cannot be read: ${what}.`, { op: 'readIdx' });
  }
}

/** Parses an IDX file that is in memory. Throws FileFormatError, naming the file `name`, for anything but one whole IDX file. */
export function parseIdx(bytes: Uint8Array, name = 'the IDX data'): IdxArray {
  if (!(bytes instanceof Uint8Array) || typeof name !== 'string') {
    const [what, got, expected] = bytes instanceof Uint8Array ? ['name', name, 'a string'] : ['bytes', bytes, 'a Uint8Array, as await readFile(path) gives it'];
    throw new ArgumentError(`[parseIdx] ${what}: got ${describeValue(got)}, expected ${expected}.`, { op: 'parseIdx' });
  }
  const parser = new IdxParser(name, bytes.length);
  parser.write(bytes);
  return rounded(parser.end());
}
