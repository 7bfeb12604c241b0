import type { SpatialRank } from '../window-types.js';
import { BATCH, ChannelNorm, type ChannelNormOptions } from './channel-norm.js';
import type { LayerCall } from './layer.js';

export type BatchNormOptions = ChannelNormOptions;

/** See batchNorm1d(), batchNorm2d() and batchNorm3d(). */
export class BatchNorm<R extends SpatialRank = SpatialRank, C extends number = number> extends ChannelNorm<typeof BATCH, R, C> {
  constructor(rank: R, features: C, options?: BatchNormOptions) {
    super(BATCH, rank, features, options);
  }

  override get call$(): LayerCall {
    return this.ownCall$;
  }
}

/**
 * Batch normalisation: y = (x - mean) / sqrt(var + eps) * weight + bias, for each feature. x [N, features] or [N, features, L] float32 gives its shape.
 * In training mean and variance (biased) are the batch's, and running = running + momentum (batch - running) follows, with the unbiased
 * variance, once for each batch whose step has run; in evaluation they are the running ones. As torch.nn.BatchNorm1d.
 * Source: Ioffe and Szegedy, arXiv:1502.03167. Throws ArgumentError for options that are wrong, and ShapeError for another number of
 * features, and for one value a feature where the statistics are the batch's.
 *
 *     const model = nn.sequential([784], [nn.linear(784, 64), nn.batchNorm1d(64), nn.relu(), nn.linear(64, 10)]);
 */
export function batchNorm1d<const C extends number>(features: C, options?: BatchNormOptions): BatchNorm<1, C> {
  return new BatchNorm(1, features, options);
}

/**
 * Batch normalisation of images, over the batch and all pixels of a channel: x [N, features, H, W] float32 gives its shape. Otherwise as batchNorm1d(), and as
 * torch.nn.BatchNorm2d.
 *
 *     const model = nn.sequential([16, 8, 8], nn.batchNorm2d(16), nn.relu());
 */
export function batchNorm2d<const C extends number>(features: C, options?: BatchNormOptions): BatchNorm<2, C> {
  return new BatchNorm(2, features, options);
}

/** The same for volumes [N, features, D, H, W]. As torch.nn.BatchNorm3d. */
export function batchNorm3d<const C extends number>(features: C, options?: BatchNormOptions): BatchNorm<3, C> {
  return new BatchNorm(3, features, options);
}
