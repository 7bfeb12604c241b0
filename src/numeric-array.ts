import { AnnealError, DataError } from './errors.js';

/** Typed arrays whose elements are whole numbers. */
export type IntegerArray = Int8Array | Int16Array | Int32Array | Uint8Array | Uint8ClampedArray | Uint16Array | Uint32Array;

/** Typed arrays whose elements are numbers. */
export type NumericArray = Float32Array | Float64Array | IntegerArray;

/** Returns whether `value` is a typed array of numbers: no DataView, and none of bigints. */
export function isNumericArray(value: unknown): value is NumericArray {
  return ArrayBuffer.isView(value) && !(value instanceof DataView) && !(value instanceof BigInt64Array) && !(value instanceof BigUint64Array);
}

/** Throws DataError for an array whose memory was transferred, as by postMessage(): it looks like an empty one. */
export function checkAttached(op: string, what: string, array: ArrayBufferView): void {
  if (array.buffer.byteLength > 0 || !isDetached(array.buffer)) return;
  throw new DataError(`[${op}] ${what}: got a detached array, whose memory was transferred elsewhere, expected one with elements. Copy it before it is transferred: array.slice().`, { op });
}

/** Returns whether a buffer is detached, where there is no ArrayBuffer.prototype.detached yet: a view over a detached buffer cannot be made. */
function isDetached(buffer: ArrayBufferLike): boolean {
  try {
    return new Uint8Array(buffer).length > 0;
  } catch {
    return true;
  }
}

/** Calls `make`, which allocates memory of `count` elements. Throws AnnealError (ANNEAL_OUT_OF_MEMORY) where there is none. */
export function allocate<A>(op: string, what: string, count: number, make: () => A): A {
  try {
    return make();
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new AnnealError('ANNEAL_OUT_OF_MEMORY', `[${op}] ${what}: got ${count} elements, expected as many as there is memory for. Take fewer, or read them as a stream: data.fromIterable.`, { op, cause });
  }
}
