import type { SpatialRank } from '../window-types.js';
import { ChannelNorm, INSTANCE, type ChannelNormOptions } from './channel-norm.js';
import type { LayerCall } from './layer.js';

export type InstanceNormOptions = ChannelNormOptions;

/** See instanceNorm1d(), instanceNorm2d() and instanceNorm3d(). */
export class InstanceNorm<R extends SpatialRank = SpatialRank, C extends number = number> extends ChannelNorm<typeof INSTANCE, R, C> {
  constructor(rank: R, features: C, options?: InstanceNormOptions) {
    super(INSTANCE, rank, features, options);
  }

  override get call$(): LayerCall {
    return this.ownCall$;
  }
}

/**
 * Instance normalisation of sequences: y = (x - mean) / sqrt(var + eps), for each channel of each example. x [N, features, L] float32 gives its shape.
 * With `affine` times weight and plus bias, [features] each. With `trackRunningStats` the mean over the batch of the examples' means, and of their unbiased variances, goes into
 * running ones as in batchNorm1d(), by which evaluation normalises; else both modes are the same. As torch.nn.InstanceNorm1d, whose numBatchesTracked stays 0 and whose
 * momentum null means 0. Source: Ulyanov et al., arXiv:1607.08022.
 * Throws ArgumentError for options that are wrong, ShapeError for another number of features, and for one value a channel.
 *
 *     const model = nn.sequential([8, 100], nn.instanceNorm1d(8), nn.relu());
 */
export function instanceNorm1d<const C extends number>(features: C, options?: InstanceNormOptions): InstanceNorm<1, C> {
  return new InstanceNorm(1, features, options);
}

/**
 * Instance normalisation of images, over all pixels of a channel: x [N, features, H, W] float32 gives its shape. Otherwise as instanceNorm1d(), and as
 * torch.nn.InstanceNorm2d.
 *
 *     const model = nn.sequential([3, 8, 8], nn.conv2d(3, 16, 3), nn.instanceNorm2d(16, { affine: true }), nn.relu());
 */
export function instanceNorm2d<const C extends number>(features: C, options?: InstanceNormOptions): InstanceNorm<2, C> {
  return new InstanceNorm(2, features, options);
}

/** The same for volumes [N, features, D, H, W]. As torch.nn.InstanceNorm3d. */
export function instanceNorm3d<const C extends number>(features: C, options?: InstanceNormOptions): InstanceNorm<3, C> {
  return new InstanceNorm(3, features, options);
}
