import type { DType } from '../dtype.js';
import { ArgumentError } from '../errors.js';
import { unchanged } from '../ops/alias.js';
import { mul } from '../ops/index.js';
import { bernoulliMask } from '../ops/random.js';
import { checkImages } from '../ops/windows.js';
import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { SpatialRank } from '../window-types.js';
import type { InferredShape } from './shape-inference.js';
import { Layer, type LayerCall } from './layer.js';
import type { Same, ShapeFunction } from './shape-mismatch.js';
import { noExamples, type NoExamples } from './examples.js';
import { describeValue } from '../describe-value.js';

/** Examples that have channels come out as they are. */
interface SameChannels<R extends SpatialRank> extends ShapeFunction {
  readonly out: this['in'] extends Shape
    ? number extends this['in']['length']
      ? Shape
      : this['in'] extends readonly [number, ...infer Spatial extends number[]]
        ? Spatial['length'] extends R
          ? this['in']
          : NoExamples<`dropout${R}d`, R, this['in']>
        : NoExamples<`dropout${R}d`, R, this['in']>
    : Shape;
}

/** Throws ArgumentError for what is no probability. */
export function checkProbability(op: string, name: string, p: number): number {
  if (typeof p === 'number' && p >= 0 && p <= 1) return p;
  throw new ArgumentError(`[${op}] ${name}: got ${describeValue(p)}, expected a probability in [0, 1]. Write 20 % as 0.2.`, { op });
}

/** See dropout() and dropout2d(); `rank`: number of the spatial axes of channels that are dropped whole, 0 for single elements. */
export class Dropout<R extends SpatialRank | 0 = SpatialRank | 0> extends Layer<Shape, Shape, R extends SpatialRank ? SameChannels<R> : Same> {
  readonly p: number;
  readonly rank: R;

  constructor(p: number, rank: R) {
    super();
    this.p = p;
    this.rank = rank;
    checkProbability(this.#op, 'p', p);
  }

  override forward<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<S, D> {
    const { p, rank } = this;
    if (rank > 0) checkImages(this.#op, rank as SpatialRank, x.shape);
    if (!this.training || p === 0) return unchanged(x);
    const input: Tensor = x as Tensor;
    if (p === 1) return mul(input, 0) as unknown as Tensor<S, D>;
    const mask = rank === 0 ? input.shape : input.shape.map((size, axis) => (axis < 2 ? size : 1));
    return mul(input, bernoulliMask(mask, this.randomKey('dropout'), 1 - p) as Tensor) as unknown as Tensor<S, D>;
  }

  override outcome$(shape: Shape): InferredShape {
    if (!this.builtin) return undefined;
    return (this.rank === 0 ? undefined : noExamples(this.#op, this.rank as SpatialRank, shape)) ?? shape;
  }

  override get call$(): LayerCall {
    return { name: this.#op, args: [this.p] };
  }

  get #op(): string {
    return this.rank === 0 ? 'dropout' : `dropout${this.rank}d`;
  }
}

/**
 * In training each element is 0 with probability p, else divided by 1 - p; in evaluation all pass through. As torch.nn.Dropout.
 * The mask depends on (seed, number of the model, the layer's path in it, number of the call) only, never on threads, other models or random numbers.
 * Source: Srivastava et al., JMLR 15 (2014). Throws ArgumentError for p outside [0, 1].
 */
export function dropout(p = 0.5): Dropout<0> {
  return new Dropout(p, 0);
}

/** Drops whole channels of sequences [N, C, L]. See dropout2d(). As torch.nn.Dropout1d. */
export function dropout1d(p = 0.5): Dropout<1> {
  return new Dropout(p, 1);
}

/**
 * In training each channel of each image of x [N, C, H, W] is 0 as a whole with probability p, else divided by 1 - p: neighbours, which are alike, don't tell what is missing.
 * The mask as in dropout(). As torch.nn.Dropout2d, but x without a batch is refused: torch takes [C, H, W] for sequences.
 * Source: Tompson et al., CVPR 2015 (arXiv 1411.4280). Throws ArgumentError for p outside [0, 1], ShapeError for what is no batch of images.
 *
 *     const model = nn.sequential([3, 32, 32], nn.conv2d(3, 16, 3), nn.relu(), nn.dropout2d(0.1), nn.maxPool2d(2));
 */
export function dropout2d(p = 0.5): Dropout<2> {
  return new Dropout(p, 2);
}

/** Drops whole channels of volumes [N, C, D, H, W]. See dropout2d(). As torch.nn.Dropout3d. */
export function dropout3d(p = 0.5): Dropout<3> {
  return new Dropout(p, 3);
}
