import type { DType } from '../dtype.js';
import { interpolatedSizes, interpolation, recordInterpolation, type InterpolateOptions, type Interpolation } from '../ops/interpolate.js';
import { describeSizes } from '../ops/windows.js';
import { showShape, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { Interpolated } from '../window-types.js';
import { Layer, type LayerCall } from './layer.js';
import { ShapeMismatch, type InferredShape } from './shape-inference.js';
import type { Example, ShapeFunction } from './shape-mismatch.js';

/** upsample(O): images [C, ..] get other sizes. */
export interface UpsampledExample<O> extends ShapeFunction {
  readonly out: this['in'] extends Shape ? (number extends this['in']['length'] ? Shape : Example<Interpolated<[number, ...this['in']], O>>) : Shape;
}

/** See upsample(). */
export class Upsample<O extends InterpolateOptions = InterpolateOptions> extends Layer<Shape, Shape, UpsampledExample<O>> {
  readonly #options: Interpolation;
  readonly #given: O;

  constructor(options: O) {
    super();
    this.#options = interpolation('upsample', options);
    this.#given = { ...options };
  }

  override forward<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<Interpolated<S, O>, D> {
    return recordInterpolation('upsample', x as Tensor, this.#options) as unknown as Tensor<Interpolated<S, O>, D>;
  }

  override outcome$(shape: Shape): InferredShape {
    if (!this.builtin) return undefined;
    if (shape.length < 2 || shape.length > 4) return new ShapeMismatch(`${this.toString()} expects images [C,..] of one to three axes`, showShape(shape), 'Put a layer that makes such in front.');
    const { to } = interpolatedSizes('upsample', shape.slice(1), this.#options);
    return to.every((n) => n >= 1) ? [shape[0]!, ...to] : undefined;
  }

  override get call$(): LayerCall {
    return { name: 'upsample', args: [], options: this.#given };
  }

  override toString(): string {
    const { size, scaleFactor, mode } = this.#options;
    return `upsample({ ${size === undefined ? `scaleFactor: ${describeSizes(scaleFactor)}` : `size: ${describeSizes(size)}`}, mode: '${mode}' })`;
  }
}

/**
 * Images [N, C, ..] of another size, by ops.interpolate, which has the formulas: `size` or `scaleFactor`, `mode` 'nearest' (default), 'nearest-exact', 'linear', 'bilinear', 'bicubic' or
 * 'trilinear', `alignCorners`, `antialias`. As torch.nn.Upsample. Throws ArgumentError for options that are wrong, ShapeError for what are no images.
 *
 *     const decoder = nn.sequential([64, 7, 7], nn.upsample({ scaleFactor: 2, mode: 'bilinear' }), nn.conv2d(64, 32, 3, { padding: 1 }));   // [32, 14, 14]
 */
export function upsample<const O extends InterpolateOptions>(options: O): Upsample<O> {
  return new Upsample(options);
}
