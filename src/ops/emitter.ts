import type { BufferDType, DType } from '../dtype.js';
import type { Shape } from '../shape.js';
import { codes } from './codes.js';
import type { Layout, Order } from './layout.js';

/** An operand of an instruction: a buffer and how the elements lie in it. */
export interface Value {
  readonly buffer: VirtualBuffer;
  readonly layout: Layout;
}

/** A buffer before the memory plan gives it a place. */
export interface VirtualBuffer {
  readonly id: number;
  readonly dtype: BufferDType;
  readonly elements: number;
}

/** The means by which an op's record writes its instructions. */
export interface Emitter {
  /** Number of inputs. */
  readonly inputs: number;
  /** Number of the first row that it is asked for: 0, but in chunks (see Chunking). */
  readonly firstRow: number;
  /** Shape of the i-th input. */
  shape(i: number): Shape;
  /** The i-th input. Dense in `order`, unless `accepts` says yes to the strides that it has; a copy is made where it says no. */
  input(i: number, accepts?: (layout: Layout) => boolean, order?: Order): Value;
  /** The i-th output; undefined where nothing reads it. Dense in the record's order, of its own shape or of `shape` (same size, row-major). */
  output(i?: number, shape?: Shape): Value | undefined;
  /** A dense temporary that lives for this op only. */
  temporary(shape: Shape, dtype: DType): Value;
  /** A number that is known when the program is compiled, as an operand. */
  constant(value: number, dtype: DType): Value;
  /** The number of a pointwise opcode. */
  opcode(name: string): number;
  /** The number of a rule of updates. */
  rule(name: string): number;
  instruction(
    row: string,
    outputs: readonly (Value | undefined)[],
    inputs: readonly (Value | undefined)[],
    attrs?: readonly number[],
    /** Estimated nanoseconds on one thread; the default counts the bytes touched. */
    cost?: number,
  ): void;
}

/**
 * Rows of native/ops.def that are no op's own, because what they do is the compiler's: an elementwise program, which any number of pointwise ops become, and
 * a copy for those who cannot take the strides. All other rows are named by the records of ops, and only there.
 */
export const ELEMENTWISE = 'pointwise';
export const COPY = 'copy';

/** Attributes of an elementwise instruction: its opcodes, each with the registers of its operands, and the registers of its outputs. See native/kernels/pointwise/opcodes.def. */
export function elementwiseAttrs(opcodes: readonly { readonly opcode: number; readonly operands: readonly number[] }[], outputs: readonly number[]): number[] {
  const words = opcodes.flatMap(({ opcode, operands }) => [opcode, ...[0, 1, 2].map((i) => operands[i] ?? codes.format.none)]);
  return [opcodes.length, ...words, ...outputs];
}

/** Any strides are fine. */
export const anyLayout = (): boolean => true;

/** The part of `value` that lies in [start, start + length) of `axis`. */
export function part(value: Value, axis: number, start: number, length: number, step = 1): Value {
  const { shape, strides, offset } = value.layout;
  return {
    buffer: value.buffer,
    layout: {
      shape: shape.map((dim, d) => (d === axis ? length : dim)),
      strides: strides.map((stride, d) => (d === axis ? stride * step : stride)),
      offset: offset + start * strides[axis]!,
    },
  };
}

/** The bits of a float32, as an attribute. */
export function bitsOf(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0]!;
}
