import type { DType } from '../dtype.js';
import { ArgumentError, ShapeError } from '../errors.js';
import { record } from '../graph/recorder.js';
import { describeValue } from '../describe-value.js';
import { showShape, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { Shuffled, Unshuffled } from '../window-types.js';
import { checkTensor } from './check.js';
import { composite } from './composite.js';
import { example } from './examples.js';
import { EXACT } from './tolerance.js';
import { permute, reshape } from './views.js';

type ShuffleAttrs = { readonly factor: number };

function imagesOf(op: string, shape: Shape): readonly [front: readonly number[], C: number, H: number, W: number] {
  if (shape.length < 3) throw new ShapeError(`[${op}] the shape does not fit: got x ${showShape(shape)}, expected [..,C,H,W]. Put what is missing in front: x.unsqueeze(0).`, { op, shapes: [shape] });
  const [C, H, W] = shape.slice(-3) as [number, number, number];
  return [shape.slice(0, -3), C, H, W];
}

/** Axes with those of the image, counted behind those in front, in another order. */
function reordered(x: Tensor, front: number, order: readonly number[]): Tensor {
  return permute(x, [...Array.from({ length: front }, (_, i) => i), ...order.map((axis) => front + axis)]) as Tensor;
}

export const pixelShuffleOp = composite<ShuffleAttrs>({
  name: 'pixelShuffle',
  infer: ([x], { factor: r }) => {
    const { shape, dtype } = x!;
    const [front, C, H, W] = imagesOf('pixelShuffle', shape);
    if (C % r ** 2 !== 0) throw new ShapeError(`[pixelShuffle] ${C} channels do not divide into squares of ${r}x${r}: got x ${showShape(shape)}, expected a multiple of ${r ** 2}.`, { op: 'pixelShuffle', shapes: [shape] });
    return { shape: [...front, C / r ** 2, H * r, W * r], dtype };
  },
  decompose: ([x], { factor: r }) => {
    const [front, C, H, W] = imagesOf('pixelShuffle', x!.shape);
    const squares = reshape(x!, [...front, C / r ** 2, r, r, H, W]) as Tensor;
    return reshape(reordered(squares, front.length, [0, 3, 1, 4, 2]), [...front, C / r ** 2, H * r, W * r]) as Tensor;
  },
  tolerance: EXACT,
  examples: () => [
    example([{ shape: [2, 4, 3, 2] }], { factor: 2 }),
    example([{ shape: [9, 1, 2] }], { factor: 3 }),
    example([{ shape: [1, 3, 4, 5] }], { factor: 1 }),
    example([{ shape: [0, 8, 2, 2] }], { factor: 2 }),
    example([{ shape: [2, 3, 8, 4, 2], as: 'view' }], { factor: 2 }),
  ],
});

export const pixelUnshuffleOp = composite<ShuffleAttrs>({
  name: 'pixelUnshuffle',
  infer: ([x], { factor: r }) => {
    const { shape, dtype } = x!;
    const [front, C, H, W] = imagesOf('pixelUnshuffle', shape);
    if (H % r !== 0 || W % r !== 0) throw new ShapeError(`[pixelUnshuffle] the images do not divide into squares of ${r}x${r}: got x ${showShape(shape)}, expected multiples of ${r}. Pad them.`, { op: 'pixelUnshuffle', shapes: [shape] });
    return { shape: [...front, C * r ** 2, H / r, W / r], dtype };
  },
  decompose: ([x], { factor: r }) => {
    const [front, C, H, W] = imagesOf('pixelUnshuffle', x!.shape);
    const squares = reshape(x!, [...front, C, H / r, r, W / r, r]) as Tensor;
    return reshape(reordered(squares, front.length, [0, 2, 4, 1, 3]), [...front, C * r ** 2, H / r, W / r]) as Tensor;
  },
  tolerance: EXACT,
  examples: () => [
    example([{ shape: [2, 1, 6, 4] }], { factor: 2 }),
    example([{ shape: [2, 3, 6] }], { factor: 3 }),
    example([{ shape: [1, 3, 4, 5] }], { factor: 1 }),
    example([{ shape: [0, 2, 4, 4] }], { factor: 2 }),
  ],
});

/** Checks the factor of a shuffle. */
export function shuffleAttrs(op: string, name: string, factor: unknown): ShuffleAttrs {
  if (Number.isInteger(factor) && (factor as number) >= 1 && (factor as number) < 2 ** 15) return { factor: factor as number };
  throw new ArgumentError(`[${op}] ${name}: got ${describeValue(factor)}, expected a whole number of at least 1.`, { op });
}

/**
 * Channels as pixels: y[.., c, h r + i, w r + j] = x[.., c r^2 + i r + j, h, w]. x [.., C r^2, H, W] gives [.., C, H r, W r]: a convolution that makes r^2 times the channels,
 * and this, make images larger. As torch.nn.functional.pixel_shuffle. Source: Shi et al., CVPR 2016 (arXiv 1609.05158). Throws ArgumentError for a factor that is wrong, ShapeError
 * where r^2 does not divide the channels.
 *
 *     const y = pixelShuffle(zeros([8, 12, 16, 16]), 2);       // [8, 3, 32, 32]
 */
export function pixelShuffle<S extends Shape, D extends DType, const R extends number>(x: Tensor<S, D>, upscaleFactor: R): Tensor<Shuffled<S, R>, D> {
  checkTensor('pixelShuffle', x, 'x');
  return record(pixelShuffleOp, [x as Tensor], shuffleAttrs('pixelShuffle', 'upscaleFactor', upscaleFactor)) as unknown as Tensor<Shuffled<S, R>, D>;
}

/**
 * Pixels as channels, the way back of pixelShuffle(): x [.., C, H r, W r] gives [.., C r^2, H, W]. As torch.nn.functional.pixel_unshuffle. Throws ArgumentError for a factor that
 * is wrong, ShapeError where it does not divide the sizes.
 *
 *     const z = pixelUnshuffle(zeros([8, 3, 32, 32]), 2);      // [8, 12, 16, 16]
 */
export function pixelUnshuffle<S extends Shape, D extends DType, const R extends number>(x: Tensor<S, D>, downscaleFactor: R): Tensor<Unshuffled<S, R>, D> {
  checkTensor('pixelUnshuffle', x, 'x');
  return record(pixelUnshuffleOp, [x as Tensor], shuffleAttrs('pixelUnshuffle', 'downscaleFactor', downscaleFactor)) as unknown as Tensor<Unshuffled<S, R>, D>;
}

export const pixelShuffleOps = { pixelShuffle: pixelShuffleOp, pixelUnshuffle: pixelUnshuffleOp };
