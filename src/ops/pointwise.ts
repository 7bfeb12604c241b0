import type { DType } from '../dtype.js';
import { ShapeError } from '../errors.js';
import { broadcastShapes, showShape, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { checkSameDType } from './check.js';
import type { Example, Inferred, PointwiseRecord, Tolerance } from './record.js';

/** Particulars of one pointwise op. */
interface Pointwise {
  readonly name: string;
  readonly calledBy?: string;
  /** The row of native/kernels/pointwise/opcodes.def; the name where left out. */
  readonly opcode?: string;
  readonly takes: readonly DType[];
  /** The dtype of the result; the operands' where left out. */
  readonly gives?: DType;
  readonly gradient: PointwiseRecord['gradient'];
  readonly saves?: NonNullable<PointwiseRecord['saves']>;
  readonly epilogue?: NonNullable<PointwiseRecord['epilogue']>;
  readonly identity?: number;
  readonly decompose?: NonNullable<PointwiseRecord['decompose']>;
  readonly tolerance: Tolerance;
  readonly examples: () => readonly Example[];
}

/** A record for an op that works element by element on operands of one dtype, with broadcasting. */
export function pointwise({ takes, gives, ...rest }: Pointwise): PointwiseRecord {
  const infer = (inputs: readonly Tensor[]): Inferred => {
    checkSameDType(rest.name, inputs, takes);
    return { shape: broadcast(rest.name, inputs), dtype: gives ?? inputs[0]!.dtype };
  };
  return { ...rest, kind: 'pointwise', opcode: rest.opcode ?? rest.name, infer };
}

/** The shape that all operands broadcast to. Throws ShapeError where there is none. */
export function broadcast(op: string, inputs: readonly Tensor[]): Shape {
  let shape = inputs[0]!.shape;
  for (let i = 1; i < inputs.length; i++) {
    const other = inputs[i]!.shape;
    if (isSuffix(other, shape)) continue;
    if (isSuffix(shape, other)) {
      shape = other;
      continue;
    }
    const both = broadcastShapes(shape, other);
    if (both === undefined) throw doNotBroadcast(op, inputs.map((input) => input.shape));
    shape = both;
  }
  return shape;
}

/** Returns whether `shape` ends in `end`, which then broadcasts to it: the usual case, decided without making an array. */
function isSuffix(end: Shape, shape: Shape): boolean {
  const missing = shape.length - end.length;
  if (missing < 0) return false;
  for (let d = 0; d < end.length; d++) if (end[d] !== shape[missing + d]) return false;
  return true;
}

function doNotBroadcast(op: string, shapes: readonly Shape[]): ShapeError {
  const got = shapes.map((shape, i) => `${'abc'[i] ?? `operand ${i}`} ${showShape(shape)}`).join(', ');
  return new ShapeError(
    `[${op}] the shapes do not broadcast: got ${got}, expected sizes that are equal or 1, counted from the last dimension. ` +
      `Give one of them dimensions of size 1: unsqueeze() or reshape().`,
    { op, shapes },
  );
}
