import { describeValue } from '../describe-value.js';
import type { DType } from '../dtype.js';
import { ArgumentError, ShapeError } from '../errors.js';
import { record } from '../graph/recorder.js';
import { checkChoice, checkOptions } from '../options.js';
import { showShape, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { Padded, SpatialRank } from '../window-types.js';
import { checkDType, checkNumber, checkTensor, FLOAT } from './check.js';
import { anyLayout, part } from './emitter.js';
import { example } from './examples.js';
import { poolOrder } from './pool-windows.js';
import type { KernelRecord } from './record.js';
import { resampleOp } from './resample.js';
import { slice } from './slicing.js';
import { EXACT } from './tolerance.js';
import { asBatch, describeSizes } from './windows.js';

/** Elements in front and behind along every axis of x; negative: so many less. */
type Pads = { readonly before: readonly number[]; readonly after: readonly number[] };
type PadAttrs = Pads & { readonly value: number };

export const padOp: KernelRecord<PadAttrs> = {
  name: 'pad',
  kind: 'kernel',
  infer: ([x], pads) => ({ shape: paddedShape(x!.shape, pads), dtype: x!.dtype }),
  order: poolOrder(),
  emit: (e, { before, after, value }) => {
    const out = e.output()!;
    let [inner, x] = [out, e.input(0, anyLayout)];
    for (const [axis, n] of x.layout.shape.entries()) {
      const [front, behind] = [Math.max(before[axis]!, 0), Math.max(after[axis]!, 0)];
      const size = inner.layout.shape[axis]!;
      for (const [start, length] of [[0, front], [size - behind, behind]] as const) {
        if (length > 0) e.instruction('fill', [part(inner, axis, start, length)], [e.constant(value, out.buffer.dtype as DType)]);
      }
      inner = part(inner, axis, front, size - front - behind);
      x = part(x, axis, Math.max(-before[axis]!, 0), n + Math.min(before[axis]!, 0) + Math.min(after[axis]!, 0));
    }
    if (!x.layout.shape.includes(0)) e.instruction('copy', [inner], [x]);
  },
  gradient: ([dy], _node, { before, after }) => [record(padOp, [dy], { before: before.map((n) => -n), after: after.map((n) => -n), value: 0 })],
  tolerance: EXACT,
  examples: () => [
    example([{ shape: [7] }], { before: [2], after: [1], value: 1.5 }),
    example([{ shape: [3, 4] }], { before: [0, -1], after: [1, 3], value: 0 }),
    example([{ shape: [3, 4], as: 'view' }], { before: [-1, 0], after: [-2, 2], value: -1 }),
    example([{ shape: [0, 4] }], { before: [1, 0], after: [1, 0], value: 2 }),
    example([{ shape: [2, 17, 3, 5] }], { before: [0, 0, 1, 2], after: [0, 0, 1, 0], value: 0 }),
    example([{ shape: [2, 3], dtype: 'uint8' }], { before: [0, 1], after: [1, 0], value: 7 }),
  ],
};

function paddedShape(shape: Shape, { before, after }: Pads): Shape {
  return shape.map((n, axis) => n + before[axis]! + after[axis]!);
}

/** Elements that stand around: a number, the elements mirrored at the last, the last element, or the elements from the other end on. */
export type PadMode = 'constant' | 'reflect' | 'replicate' | 'circular';
const MODES: readonly PadMode[] = ['constant', 'reflect', 'replicate', 'circular'];

export interface PadOptions {
  /** Default 'constant'. */
  readonly mode?: PadMode | undefined;
  /** The number that stands around in the mode 'constant'. Default 0. */
  readonly value?: number | undefined;
}

/** Pads in torch's order, the last axis first, for a tensor of that rank. */
function padsOf(op: string, rank: number, pad: readonly number[]): Pads {
  const whole = Array.isArray(pad) && pad.length % 2 === 0 && pad.every((n) => Number.isSafeInteger(n) && Math.abs(n as number) < 2 ** 31);
  if (!whole) throw new ArgumentError(`[${op}] pad: got ${describeSizes(pad)}, expected two whole numbers for each axis, the last axis first, as in [left, right, top, bottom].`, { op });
  if (pad.length > 2 * rank) throw new ArgumentError(`[${op}] pad: got ${describeSizes(pad)} for ${rank} dimensions, expected at most ${2 * rank} numbers. Leave out what is too much.`, { op });
  const axes = Array.from({ length: rank }, (_, axis) => 2 * (rank - 1 - axis));
  return { before: axes.map((at) => pad[at] ?? 0), after: axes.map((at) => pad[at + 1] ?? 0) };
}

/** Throws where less than nothing would be left along an axis. */
function checkCropped(op: string, { shape }: Tensor, { before, after }: Pads): void {
  const axis = shape.findIndex((n, i) => n + Math.min(before[i]!, 0) + Math.min(after[i]!, 0) < 0);
  if (axis < 0) return;
  throw new ShapeError(`[${op}] nothing is left along axis ${axis}: got x ${showShape(shape)}, of which ${-Math.min(before[axis]!, 0)} and ${-Math.min(after[axis]!, 0)} are to be left away. Leave away less.`, { op, shapes: [shape] });
}

/** Pads by elements of x itself. The pads are those of its last `rank` axes. */
function padded(op: string, rank: SpatialRank, x: Tensor, mode: Exclude<PadMode, 'constant'>, pads: Pads): Tensor {
  checkDType(op, x, FLOAT);
  const [before, after] = [pads.before.slice(-rank), pads.after.slice(-rank)];
  const from = x.shape.slice(-rank);
  for (const [i, n] of from.entries()) {
    const most = { reflect: n - 1, replicate: n > 0 ? Infinity : 0, circular: n }[mode];
    if (Math.max(before[i]!, after[i]!, 0) <= most) continue;
    throw new ShapeError(
      `[${op}] the padding is too large for mode '${mode}': got ${before[i]!} and ${after[i]!} along axis ${x.shape.length - rank + i} of x ${showShape(x.shape)}, expected at most ${Math.max(most, 0)}. Pad less, or by mode 'constant'.`,
      { op, shapes: [x.shape] },
    );
  }
  const to = from.map((n, i) => n + before[i]! + after[i]!);
  const axes = from.map(() => mode);
  return asBatch(rank, x, (batch) => record(resampleOp, [batch], { modes: axes, before, step: from.map(() => 1), from, to }));
}

/** Records a padding whose arguments have been checked. */
export function recordPad(op: string, x: Tensor, pad: readonly number[], mode: PadMode, value: number): Tensor {
  const pads = padsOf(op, x.shape.length, pad);
  checkCropped(op, x, pads);
  if (mode === 'constant') return record(padOp, [x], { ...pads, value });
  const rank = pad.length / 2;
  if (rank < 1 || rank > 3 || x.shape.length < rank + 1 || x.shape.length > rank + 2) {
    throw new ShapeError(`[${op}] mode '${mode}' does not fit: got x ${showShape(x.shape)} and ${pad.length} numbers, expected [N,C,..] or [C,..] with two numbers for each axis behind C, of which there are 1 to 3. Pad other axes by mode 'constant'.`, { op, shapes: [x.shape] });
  }
  if (mode !== 'circular') return padded(op, rank as SpatialRank, x, mode, pads);
  // What is left away comes in no other place, as torch has it.
  const left = pads.before.reduce<Tensor>((part, n, axis) => {
    const [start, end] = [Math.max(-n, 0), part.shape[axis]! + Math.min(pads.after[axis]!, 0)];
    return start > 0 || end < part.shape[axis]! ? (slice(part, start, end, { axis }) as Tensor) : part;
  }, x);
  return padded(op, rank as SpatialRank, left, mode, { before: pads.before.map((n) => Math.max(n, 0)), after: pads.after.map((n) => Math.max(n, 0)) });
}

/** Checks the options of a padding of that dtype. */
export function padOptions(op: string, options: PadOptions | undefined): { readonly mode: PadMode; readonly value: number } {
  checkOptions(op, options, ['mode', 'value']);
  const { mode = 'constant', value = 0 } = options ?? {};
  checkChoice(op, 'mode', mode, MODES);
  checkNumber(op, 'value', value);
  if (mode !== 'constant' && value !== 0) throw new ArgumentError(`[${op}] value: got ${describeValue(value)} for mode '${mode}', which puts elements of x around. Leave it out.`, { op });
  return { mode, value };
}

/**
 * Elements around x: pad has two numbers for each axis, in front and behind, the last axis first, [left, right, top, bottom] say; negative ones leave elements away. Modes:
 * 'constant' (`value`), 'reflect' (abcd becomes cb abcd cb), 'replicate' (aa abcd dd), 'circular' (cd abcd ab). All but 'constant' are for float32 [N, C, ..] or [C, ..] of one to
 * three spatial axes, all of which get two numbers. As torch.nn.functional.pad. Throws ArgumentError for pads and options that are wrong, ShapeError for a padding that
 * is larger than a mode can fill (reflect: less than the size, circular: at most the size), DTypeError for other dtypes.
 *
 *     const row = tensor([[[1, 2, 3, 4]]]);
 *     const zerosAround = pad(row, [1, 2]);                              // [[[0, 1, 2, 3, 4, 0, 0]]]
 *     const mirrored = pad(row, [2, 1], { mode: 'reflect' });            // [[[3, 2, 1, 2, 3, 4, 3]]]
 */
export function pad<S extends Shape, D extends DType, const P extends readonly number[]>(x: Tensor<S, D>, pads: P, options?: PadOptions): Tensor<Padded<S, P>, D> {
  checkTensor('pad', x, 'x');
  const { mode, value } = padOptions('pad', options);
  checkValue(x.dtype, value);
  return recordPad('pad', x as Tensor, pads, mode, value) as unknown as Tensor<Padded<S, P>, D>;
}

/** Throws for a value that an integer dtype does not hold. */
function checkValue(dtype: DType, value: number): void {
  const range = { float32: undefined, int32: [-(2 ** 31), 2 ** 31 - 1], bool: [0, 1], uint8: [0, 255] }[dtype];
  if (range === undefined || (Number.isInteger(value) && value >= range[0]! && value <= range[1]!)) return;
  throw new ArgumentError(`[pad] value: got ${describeValue(value)} for ${dtype}, expected a whole number from ${range[0]!} to ${range[1]!}.`, { op: 'pad' });
}

export const padOps = { pad: padOp };
