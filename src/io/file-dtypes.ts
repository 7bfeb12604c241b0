import type { DType, TypedArray } from '../dtype.js';

/** Elements as a file has them; those of F16 and BF16 are their bits. */
export type StoredArray = TypedArray | Float64Array | BigInt64Array | BigUint64Array | Uint32Array | Int16Array | Uint16Array | Int8Array;

/** A dtype of the safetensors format: what it takes, and what it becomes here. */
export interface FileDType {
  readonly bytes: number;
  readonly dtype: DType;
  /** The typed array of elements as they stand in the file. */
  readonly array: new (buffer: ArrayBuffer) => StoredArray;
  /** Makes elements of them; undefined where their bytes are the elements. Throws RangeError for one that the dtype does not hold. */
  readonly convert?: (buffer: ArrayBuffer) => TypedArray;
}

const floatOf = (bits: number): number => {
  view.setUint32(0, bits);
  return view.getFloat32(0);
};
const view = new DataView(new ArrayBuffer(4));

/** A float16 exactly: 5 bits of exponent, 10 of fraction. */
function fromHalf(bits: number): number {
  const [sign, exponent, fraction] = [(bits & 0x8000) << 16, (bits >> 10) & 31, bits & 1023];
  if (exponent === 0) return (sign === 0 ? 1 : -1) * fraction * 2 ** -24;
  return floatOf((sign | ((exponent === 31 ? 255 : exponent + 112) << 23) | (fraction << 13)) >>> 0);
}

function wholes(values: ArrayLike<number | bigint>): Int32Array {
  return Int32Array.from(values, (value: number | bigint) => {
    const whole = Number(value);
    if (whole < -(2 ** 31) || whole >= 2 ** 31) throw new RangeError(`${value}`);
    return whole;
  });
}

/** The format's names of dtypes. */
export type StoredDType = 'F32' | 'I32' | 'U8' | 'BOOL' | 'F64' | 'F16' | 'BF16' | 'I64' | 'U64' | 'U32' | 'I16' | 'U16' | 'I8';

/** The dtypes that are read: wider floats are rounded, narrower ones and whole numbers keep their value. */
export const FILE_DTYPES: { readonly [D in StoredDType]: FileDType } = {
  F32: { bytes: 4, dtype: 'float32', array: Float32Array },
  I32: { bytes: 4, dtype: 'int32', array: Int32Array },
  U8: { bytes: 1, dtype: 'uint8', array: Uint8Array },
  BOOL: { bytes: 1, dtype: 'bool', array: Uint8Array },
  F64: { bytes: 8, dtype: 'float32', array: Float64Array, convert: (buffer) => Float32Array.from(new Float64Array(buffer)) },
  F16: { bytes: 2, dtype: 'float32', array: Uint16Array, convert: (buffer) => Float32Array.from(new Uint16Array(buffer), fromHalf) },
  BF16: { bytes: 2, dtype: 'float32', array: Uint16Array, convert: (buffer) => new Float32Array(Uint32Array.from(new Uint16Array(buffer), (bits) => (bits << 16) >>> 0).buffer) },
  I64: { bytes: 8, dtype: 'int32', array: BigInt64Array, convert: (buffer) => wholes(new BigInt64Array(buffer)) },
  U64: { bytes: 8, dtype: 'int32', array: BigUint64Array, convert: (buffer) => wholes(new BigUint64Array(buffer)) },
  U32: { bytes: 4, dtype: 'int32', array: Uint32Array, convert: (buffer) => wholes(new Uint32Array(buffer)) },
  I16: { bytes: 2, dtype: 'int32', array: Int16Array, convert: (buffer) => wholes(new Int16Array(buffer)) },
  U16: { bytes: 2, dtype: 'int32', array: Uint16Array, convert: (buffer) => wholes(new Uint16Array(buffer)) },
  I8: { bytes: 1, dtype: 'int32', array: Int8Array, convert: (buffer) => wholes(new Int8Array(buffer)) },
};

/** The names of dtypes here in a header. */
export const CODES = { float32: 'F32', int32: 'I32', uint8: 'U8', bool: 'BOOL' } as const satisfies { [D in DType]: string };
