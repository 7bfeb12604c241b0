import { elementBytes, type BufferDType } from '../dtype.js';
import type { Tensor } from '../tensor.js';
import type { Value, VirtualBuffer } from '../ops/emitter.js';
import type { Destination } from './graph.js';

/** Source of a buffer's bytes when the program runs. */
export type BufferOrigin =
  | { readonly in: 'arena' }
  /** An input, a slot or a storage: bound from this leaf. */
  | { readonly in: 'leaf'; readonly leaf: Tensor }
  /** A number known when the program was compiled. */
  | { readonly in: 'constant'; readonly value: number }
  /** `strides`: of a new storage whose elements are not row-major. */
  | { readonly in: 'result'; readonly destination: Destination; readonly strides: readonly number[] | undefined };

export interface Buffer extends VirtualBuffer {
  readonly dtype: BufferDType;
  readonly origin: BufferOrigin;
}

/** One native instruction over values; an absent operand is undefined. */
export interface Instruction {
  readonly row: string;
  readonly outputs: readonly (Value | undefined)[];
  readonly inputs: readonly (Value | undefined)[];
  readonly attrs: readonly number[];
  /** Estimated nanoseconds on one thread. */
  readonly cost: number;
  /** The graph node that it computes (the last one of a fused unit). */
  readonly node: number;
}

/** A lowered program: instructions in order over buffers that have no addresses yet. */
export interface Lowered {
  readonly buffers: readonly Buffer[];
  readonly instructions: readonly Instruction[];
}

/** Bytes of all elements of a buffer. */
export function bytesOf(buffer: VirtualBuffer): number {
  return buffer.elements * elementBytes[buffer.dtype];
}
