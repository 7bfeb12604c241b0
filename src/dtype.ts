/** What an element of a tensor is. uint8 is for storage: images stay bytes in memory and are cast where they are used. */
export type DType = 'float32' | 'int32' | 'bool' | 'uint8';

export type TypedArray = Float32Array | Int32Array | Uint8Array;

interface DTypeInfo {
  /** The number that stands for it in a program (native/program.h). */
  readonly code: number;
  readonly bytes: number;
  readonly array: new (buffer: ArrayBuffer | number) => TypedArray;
}

export const dtypes: { readonly [D in DType]: DTypeInfo } = {
  float32: { code: 0, bytes: 4, array: Float32Array as never },
  int32: { code: 1, bytes: 4, array: Int32Array as never },
  bool: { code: 2, bytes: 1, array: Uint8Array as never },
  uint8: { code: 3, bytes: 1, array: Uint8Array as never },
};

/** The typed array that holds a dtype in JavaScript. */
export type ArrayOf<D extends DType> = D extends 'float32' ? Float32Array : D extends 'int32' ? Int32Array : Uint8Array;
