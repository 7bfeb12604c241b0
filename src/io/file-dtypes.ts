import type { DType, TypedArray } from '../dtype.js';

/** A dtype of the safetensors format: what it takes, and what it becomes here. */
export interface FileDType {
  readonly bytes: number;
  readonly dtype: DType;
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

/** The dtypes that are read: wider floats are rounded, narrower ones and whole numbers keep their value. */
export const FILE_DTYPES: Readonly<Record<string, FileDType>> = {
  F32: { bytes: 4, dtype: 'float32' },
  I32: { bytes: 4, dtype: 'int32' },
  U8: { bytes: 1, dtype: 'uint8' },
  BOOL: { bytes: 1, dtype: 'bool' },
  F64: { bytes: 8, dtype: 'float32', convert: (buffer) => Float32Array.from(new Float64Array(buffer)) },
  F16: { bytes: 2, dtype: 'float32', convert: (buffer) => Float32Array.from(new Uint16Array(buffer), fromHalf) },
  BF16: { bytes: 2, dtype: 'float32', convert: (buffer) => new Float32Array(Uint32Array.from(new Uint16Array(buffer), (bits) => (bits << 16) >>> 0).buffer) },
  I64: { bytes: 8, dtype: 'int32', convert: (buffer) => wholes(new BigInt64Array(buffer)) },
  U64: { bytes: 8, dtype: 'int32', convert: (buffer) => wholes(new BigUint64Array(buffer)) },
  U32: { bytes: 4, dtype: 'int32', convert: (buffer) => wholes(new Uint32Array(buffer)) },
  I16: { bytes: 2, dtype: 'int32', convert: (buffer) => wholes(new Int16Array(buffer)) },
  U16: { bytes: 2, dtype: 'int32', convert: (buffer) => wholes(new Uint16Array(buffer)) },
  I8: { bytes: 1, dtype: 'int32', convert: (buffer) => wholes(new Int8Array(buffer)) },
};

/** The names of dtypes here in a header. */
export const CODES = { float32: 'F32', int32: 'I32', uint8: 'U8', bool: 'BOOL' } as const satisfies { [D in DType]: string };
