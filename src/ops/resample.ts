import { record } from '../graph/recorder.js';
import { sizeOf, type Shape } from '../shape.js';
import { checkDType, FLOAT } from './check.js';
import { codes } from './codes.js';
import { windowsCost } from './costs.js';
import type { Emitter } from './emitter.js';
import { example } from './examples.js';
import { imagesOf, poolOrder } from './pool-windows.js';
import type { Example, KernelRecord } from './record.js';
import { SUMS } from './tolerance.js';
import { three } from './windows.js';

export type ResampleMode = keyof typeof codes.resample_modes;

/** The way along each of the last axes of [N, C, ..]. Modes make of the one that an axis does not need what they like. */
export type ResampleAttrs = {
  readonly modes: readonly ResampleMode[];
  /** Elements of padding in front; negative: left away. */
  readonly before: readonly number[];
  /** Distance of the positions of neighbours, a float32. */
  readonly step: readonly number[];
  /** Spatial sizes of x, and of the result. */
  readonly from: Shape;
  readonly to: Shape;
};

/** Interpolation and padding by elements of the images: each element is a weighted sum of those at a few places along each axis. */
export const resampleOp: KernelRecord<ResampleAttrs> = {
  name: 'resample',
  kind: 'kernel',
  infer: ([x], { to }) => {
    checkDType('resample', x!, FLOAT);
    return { shape: [...x!.shape.slice(0, -to.length), ...to], dtype: x!.dtype };
  },
  order: poolOrder(),
  flops: (_inputs, { shape }) => 2 * sizeOf(shape),
  emit: (e, attrs) => emitResample(e, 'resample', attrs),
  gradient: ([dy], _node, attrs) => [record(resampleGradOp, [dy], attrs)],
  tolerance: SUMS,
  examples: () => resampleExamples(),
};

export const resampleGradOp: KernelRecord<ResampleAttrs> = {
  name: 'resampleGrad',
  calledBy: 'resample',
  kind: 'kernel',
  infer: ([dy], { from }) => ({ shape: [...dy!.shape.slice(0, -from.length), ...from], dtype: dy!.dtype }),
  order: poolOrder(),
  flops: ([dy]) => 2 * sizeOf(dy!.shape),
  emit: (e, attrs) => emitResample(e, 'resample_grad', attrs),
  gradient: ([ddx], _node, attrs) => [record(resampleOp, [ddx], attrs)],
  tolerance: SUMS,
  examples: () => resampleExamples().map(({ inputs: [x], attrs }) => {
    const { to } = attrs as ResampleAttrs;
    return example([{ ...x!, shape: [...x!.shape.slice(0, -to.length), ...to] }], attrs);
  }),
};

function emitResample(e: Emitter, row: 'resample' | 'resample_grad', { modes, before, step }: ResampleAttrs): void {
  const { images, operand } = imagesOf(e, 0);
  const out = e.output(0)!;
  const whole = three(modes.map((mode) => codes.resample_modes[mode]), codes.resample_modes.replicate);
  const words = [...whole, ...three(before, 0).map((n) => n >>> 0), ...three(step, 1).map((s) => new Uint32Array(Float32Array.of(s).buffer)[0]!)];
  const elements = sizeOf(e.shape(0)) + sizeOf(out.layout.shape);
  e.instruction(row, [images.seen(out)], [operand], words, windowsCost(elements, 4 * elements));
}

/** Every mode: one element, more elements and fewer, batches of 0, 1 and 7, volumes and sequences, channels side by side. */
function resampleExamples(): Example[] {
  const cases: [shape: Shape, modes: readonly ResampleMode[], to: Shape, before?: readonly number[], step?: readonly number[]][] = [
    [[1, 1, 1], ['linear'], [4]],
    [[7, 1, 5], ['cubic'], [13]],
    [[2, 3, 4, 5], ['nearest', 'nearest_exact'], [7, 3]],
    [[1, 17, 5, 3], ['linear', 'linear'], [8, 5]],
    [[2, 3, 9, 4], ['linear_corners', 'linear_corners'], [4, 7]],
    [[1, 2, 4, 5], ['cubic_corners', 'cubic'], [7, 3]],
    [[2, 1, 2, 3, 4], ['linear', 'linear', 'linear'], [4, 3, 6]],
    [[0, 3, 4, 4], ['linear', 'linear'], [8, 8]],
    [[1, 3, 4, 5], ['linear', 'nearest'], [9, 11], [0, 0], [0.4, 0.45]],
    [[2, 3, 5, 4], ['reflect', 'reflect'], [11, 7], [4, 0]],
    [[1, 2, 3, 4, 2], ['replicate', 'replicate', 'replicate'], [5, 1, 7], [2, -2, 3]],
    [[1, 4, 3], ['circular'], [8], [2]],
    [[2, 3, 9, 5], ['linear_antialias', 'linear_antialias'], [4, 7]],
    [[1, 17, 6, 11], ['cubic_antialias', 'cubic_antialias'], [5, 3]],
  ];
  const examples = cases.map(([shape, modes, to, before = to.map(() => 0), step]) => {
    const from = shape.slice(2);
    const steps = step ?? to.map((m, i) => (modes[i]!.endsWith('_corners') ? stepOfCorners(from[i]!, m) : Math.fround(from[i]! / m)));
    return example([{ shape }], { modes, before, step: steps, from, to });
  });
  return [...examples, example([{ shape: [3, 5, 2, 3], as: 'view' }], { modes: ['linear', 'replicate'], before: [0, 1], step: [0.4, 1], from: [2, 3], to: [5, 6] })];
}

/** Distance of positions where the first and the last of m elements lie on those of n. */
export function stepOfCorners(n: number, m: number): number {
  return m > 1 ? Math.fround((n - 1) / (m - 1)) : 0;
}

export const resampleOps = { resample: resampleOp, resampleGrad: resampleGradOp };
