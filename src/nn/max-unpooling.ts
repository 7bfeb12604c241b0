import { recordUnpool, unpooling, type MaxUnpoolOptions, type Unpooling } from '../ops/max-unpooling.js';
import type { Tensor } from '../tensor.js';
import type { PerAxis, SpatialRank } from '../window-types.js';
import { Layer, type LayerCall } from './layer.js';

/** See maxUnpool1d(), maxUnpool2d() and maxUnpool3d(). */
export class MaxUnpool<R extends SpatialRank = SpatialRank> extends Layer {
  readonly rank: R;
  readonly kernelSize: PerAxis<R>;
  readonly #unpooling: Unpooling;
  readonly #options: MaxUnpoolOptions<R> | undefined;

  constructor(rank: R, kernelSize: PerAxis<R>, options?: MaxUnpoolOptions<R>) {
    super();
    this.rank = rank;
    this.kernelSize = kernelSize;
    this.#unpooling = unpooling(rank, kernelSize, options);
    this.#options = options && { ...options };
  }

  /** Puts the elements of x where `indices` say. */
  override forward(x: Tensor, indices: Tensor): Tensor {
    return recordUnpool(this.rank, x, indices, this.#unpooling);
  }

  override get call$(): LayerCall {
    return { name: `maxUnpool${this.rank}d`, args: [this.kernelSize], options: this.#options };
  }
}

/** The way back of ops.maxPool1dWithIndices, for sequences [N, C, L]. See maxUnpool2d(). As torch.nn.MaxUnpool1d. */
export function maxUnpool1d(kernelSize: PerAxis<1>, options?: MaxUnpoolOptions<1>): MaxUnpool<1> {
  return new MaxUnpool(1, kernelSize, options);
}

/**
 * The way back of ops.maxPool2dWithIndices: its forward() takes the maxima [N, C, H', W'] and their indices, which a model of yours keeps; see ops.maxUnpool2d. As torch.nn.MaxUnpool2d,
 * but that `outputSize` is an option. Throws ArgumentError for arguments that are wrong.
 *
 *     const { values, indices } = maxPool2dWithIndices(zeros([2, 3, 8, 8]), 2);
 *     const back = nn.maxUnpool2d(2).forward(values as Tensor, indices as Tensor);    // [2, 3, 8, 8]
 */
export function maxUnpool2d(kernelSize: PerAxis<2>, options?: MaxUnpoolOptions<2>): MaxUnpool<2> {
  return new MaxUnpool(2, kernelSize, options);
}

/** The way back of ops.maxPool3dWithIndices, for volumes [N, C, D, H, W]. See maxUnpool2d(). As torch.nn.MaxUnpool3d. */
export function maxUnpool3d(kernelSize: PerAxis<3>, options?: MaxUnpoolOptions<3>): MaxUnpool<3> {
  return new MaxUnpool(3, kernelSize, options);
}
