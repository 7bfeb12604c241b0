import type { DType } from '../dtype.js';
import { record } from '../graph/recorder.js';
import { pixelShuffleOp, pixelUnshuffleOp, shuffleAttrs } from '../ops/pixel-shuffle.js';
import { showShape, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { Shuffled, Unshuffled } from '../window-types.js';
import { Layer, type LayerCall } from './layer.js';
import { ShapeMismatch, type InferredShape } from './shape-inference.js';
import type { ShapeFunction } from './shape-mismatch.js';

/** pixelShuffle(R): channels become squares of RxR pixels. */
export interface ShuffledExample<R extends number> extends ShapeFunction {
  readonly out: this['in'] extends Shape ? Shuffled<this['in'], R> : Shape;
}

/** pixelUnshuffle(R): squares of RxR pixels become channels. */
export interface UnshuffledExample<R extends number> extends ShapeFunction {
  readonly out: this['in'] extends Shape ? Unshuffled<this['in'], R> : Shape;
}

/** See pixelShuffle(). */
export class PixelShuffle<R extends number = number> extends Layer<Shape, Shape, ShuffledExample<R>> {
  readonly upscaleFactor: R;

  constructor(upscaleFactor: R) {
    super();
    shuffleAttrs('pixelShuffle', 'upscaleFactor', upscaleFactor);
    this.upscaleFactor = upscaleFactor;
  }

  override forward<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<Shuffled<S, R>, D> {
    return record(pixelShuffleOp, [x as Tensor], { factor: this.upscaleFactor });
  }

  override outcome$(shape: Shape): InferredShape {
    const r = this.upscaleFactor;
    const [C, H, W] = shape as readonly [number, number, number];
    if (!this.builtin) return undefined;
    if (shape.length !== 3 || C % r ** 2 !== 0) return new ShapeMismatch(`${this.toString()} expects images [C,H,W] whose channels ${r ** 2} divides`, showShape(shape));
    return [C / r ** 2, H * r, W * r];
  }

  override get call$(): LayerCall {
    return { name: 'pixelShuffle', args: [this.upscaleFactor] };
  }
}

/** See pixelUnshuffle(). */
export class PixelUnshuffle<R extends number = number> extends Layer<Shape, Shape, UnshuffledExample<R>> {
  readonly downscaleFactor: R;

  constructor(downscaleFactor: R) {
    super();
    shuffleAttrs('pixelUnshuffle', 'downscaleFactor', downscaleFactor);
    this.downscaleFactor = downscaleFactor;
  }

  override forward<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<Unshuffled<S, R>, D> {
    return record(pixelUnshuffleOp, [x as Tensor], { factor: this.downscaleFactor });
  }

  override outcome$(shape: Shape): InferredShape {
    const r = this.downscaleFactor;
    const [C, H, W] = shape as readonly [number, number, number];
    if (!this.builtin) return undefined;
    if (shape.length !== 3 || H % r !== 0 || W % r !== 0) return new ShapeMismatch(`${this.toString()} expects images [C,H,W] whose sizes ${r} divides`, showShape(shape));
    return [C * r ** 2, H / r, W / r];
  }

  override get call$(): LayerCall {
    return { name: 'pixelUnshuffle', args: [this.downscaleFactor] };
  }
}

/**
 * Channels as pixels: x [N, C r^2, H, W] gives [N, C, H r, W r]; see ops.pixelShuffle. As torch.nn.PixelShuffle. Throws ArgumentError for a factor that is wrong, ShapeError where r^2
 * does not divide the channels.
 *
 *     const larger = nn.sequential([16, 8, 8], nn.conv2d(16, 12, 3, { padding: 1 }), nn.pixelShuffle(2));   // [3, 16, 16]
 */
export function pixelShuffle<const R extends number>(upscaleFactor: R): PixelShuffle<R> {
  return new PixelShuffle(upscaleFactor);
}

/** Pixels as channels, the way back of pixelShuffle(): x [N, C, H r, W r] gives [N, C r^2, H, W]. As torch.nn.PixelUnshuffle. Throws as pixelShuffle(). */
export function pixelUnshuffle<const R extends number>(downscaleFactor: R): PixelUnshuffle<R> {
  return new PixelUnshuffle(downscaleFactor);
}
