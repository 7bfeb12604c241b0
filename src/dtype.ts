/** Type of a tensor's elements. uint8 is for storage: images stay bytes in memory and are cast where they are used. */
export type DType = 'float32' | 'int32' | 'bool' | 'uint8';

export type TypedArray = Float32Array | Int32Array | Uint8Array;

/** The dtypes of buffers: those of tensors, and float64 for hyper-parameters and for running in double. */
export type BufferDType = DType | 'float64';

/** Bytes of an element. */
export const elementBytes: { readonly [D in BufferDType]: number } = { float32: 4, int32: 4, bool: 1, uint8: 1, float64: 8 };

interface DTypeInfo {
  readonly bytes: number;
  readonly array: new (buffer: ArrayBuffer | number) => TypedArray;
}

export const dtypes: { readonly [D in DType]: DTypeInfo } = {
  float32: { bytes: elementBytes.float32, array: Float32Array as never },
  int32: { bytes: elementBytes.int32, array: Int32Array as never },
  bool: { bytes: elementBytes.bool, array: Uint8Array as never },
  uint8: { bytes: elementBytes.uint8, array: Uint8Array as never },
};

/** The typed array that holds a dtype in JavaScript. */
export type ArrayOf<D extends DType> = D extends 'float32' ? Float32Array : D extends 'int32' ? Int32Array : Uint8Array;

/** The whole numbers that a dtype holds, both ends included; undefined for what is not whole. */
export const wholeRange: { readonly [D in DType]?: readonly [number, number] } = { int32: [-(2 ** 31), 2 ** 31 - 1], uint8: [0, 255] };

/** Returns whether an element of `dtype` can be `value`: whole numbers in its range. float32 rounds, and bool is whether it is not 0. */
export function holds(dtype: DType, value: number): boolean {
  const range = wholeRange[dtype];
  return range === undefined || (Number.isInteger(value) && value >= range[0] && value <= range[1]);
}
