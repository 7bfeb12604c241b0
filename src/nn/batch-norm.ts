import type { DType } from '../dtype.js';
import { ArgumentError, ShapeError } from '../errors.js';
import { describeValue } from '../describe-value.js';
import { assign } from '../graph/assign.js';
import { latest } from '../graph/assignments.js';
import { withoutTracking } from '../graph/recorder.js';
import { add, cast, div, mean, mul, reshape, sub, sqrt, variance } from '../ops/index.js';
import { checkFlags, checkOptions } from '../options.js';
import { Parameter } from '../parameter.js';
import { showShape, sizeOf, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { constant, ones, zeros } from './initializers.js';
import { Module } from './module.js';
import { ShapeMismatch, type InferredShape } from './shape-inference.js';
import type { Same } from './shape-mismatch.js';

export interface BatchNormOptions {
  /** Number added to the variance. Default 1e-5. */
  readonly eps?: number | undefined;
  /** The share of a batch in the running statistics; null: all batches count alike. Default 0.1. */
  readonly momentum?: number | null | undefined;
  /** Switch for a weight and a bias. Default true. */
  readonly affine?: boolean | undefined;
  /** Switch for running statistics; without, those of the batch are used in evaluation, too. Default true. */
  readonly trackRunningStats?: boolean | undefined;
}

type Floats = Tensor<Shape, 'float32'>;

/** See batchNorm1d(). */
export class BatchNorm1d extends Module<Shape, Shape, Same> {
  readonly features: number;
  readonly eps: number;
  readonly momentum: number | null;
  /** [features]; undefined without `affine`. */
  readonly weight: Parameter<[number]> | undefined;
  readonly bias: Parameter<[number]> | undefined;
  /** [features]; undefined without `trackRunningStats`. */
  readonly runningMean: Parameter<[number]> | undefined;
  readonly runningVar: Parameter<[number]> | undefined;
  /** Number of batches that the running statistics have seen: int32 []. */
  readonly numBatchesTracked: Parameter<[], 'int32'> | undefined;

  constructor(features: number, options: BatchNormOptions = {}) {
    super();
    checkOptions('batchNorm1d', options, ['eps', 'momentum', 'affine', 'trackRunningStats']);
    checkFlags('batchNorm1d', options, ['affine', 'trackRunningStats']);
    const { eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true } = options;
    if (!(Number.isInteger(features) && features > 0)) throw new ArgumentError(`[batchNorm1d] features: got ${describeValue(features)}, expected a whole number above 0.`, { op: 'batchNorm1d' });
    if (!(typeof eps === 'number' && eps >= 0 && eps < Infinity)) throw new ArgumentError(`[batchNorm1d] eps: got ${describeValue(eps)}, expected a number of at least 0.`, { op: 'batchNorm1d' });
    if (!(momentum === null || (typeof momentum === 'number' && momentum >= 0 && momentum <= 1))) {
      throw new ArgumentError(`[batchNorm1d] momentum: got ${describeValue(momentum)}, expected a number in [0, 1], or null.`, { op: 'batchNorm1d' });
    }
    this.features = features;
    this.eps = eps;
    this.momentum = momentum;
    const buffer = { requiresGrad: false };
    this.weight = affine ? new Parameter([features], ones()) : undefined;
    this.bias = affine ? new Parameter([features], zeros()) : undefined;
    this.runningMean = trackRunningStats ? new Parameter([features], zeros(), buffer) : undefined;
    this.runningVar = trackRunningStats ? new Parameter([features], ones(), buffer) : undefined;
    this.numBatchesTracked = trackRunningStats ? new Parameter([], constant(0), { requiresGrad: false, dtype: 'int32' }) : undefined;
  }

  override forward<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<S, D> {
    const input = x as unknown as Floats;
    const { shape } = input;
    if ((shape.length !== 2 && shape.length !== 3) || shape[1] !== this.features) {
      throw new ShapeError(`[batchNorm1d] the shape does not fit: got x ${showShape(shape)}, expected [N,${this.features}] or [N,${this.features},L].`, { op: 'batchNorm1d', shapes: [shape] });
    }
    const { runningMean, runningVar } = this;
    if (!this.training && runningMean !== undefined) return this.#normalized(input, runningMean, runningVar!) as unknown as Tensor<S, D>;
    const count = sizeOf(shape) / this.features;
    if (this.training && count < 2) {
      throw new ShapeError(`[batchNorm1d] one value a feature has no variance: got x ${showShape(shape)}, expected a larger batch. Drop the last one (dropLast), or call eval().`, { op: 'batchNorm1d', shapes: [shape] });
    }
    const axis = shape.length === 2 ? [0] : [0, 2];
    const batchMean: Floats = mean(input, { axis });
    const batchVar: Floats = variance(input, { axis, correction: 0 });
    const y = this.#normalized(input, batchMean, batchVar);
    if (this.training) this.#track(batchMean, batchVar, count, y);
    return y as unknown as Tensor<S, D>;
  }

  override outcome$(shape: Shape): InferredShape {
    if (!this.builtin) return undefined;
    const fits = (shape.length === 1 || shape.length === 2) && shape[0] === this.features;
    return fits ? shape : new ShapeMismatch(`${this.toString()} expects [${this.features}] or [${this.features},L]`, showShape(shape));
  }

  override get builtin(): boolean {
    return this.isPlain(BatchNorm1d);
  }

  override toString(): string {
    return `batchNorm1d(${this.features})`;
  }

  #normalized(x: Floats, center: Tensor, spread: Tensor): Floats {
    const perFeature = (tensor: Tensor): Floats => (x.shape.length === 2 ? tensor : reshape(tensor, [this.features, 1])) as Floats;
    const y = div(sub(x, perFeature(center)), sqrt(add(perFeature(spread), this.eps))) as Floats;
    const { weight, bias } = this;
    return weight === undefined ? y : (add(mul(y, perFeature(weight as Tensor)), perFeature(bias as Tensor)) as Floats);
  }

  /** Assigns the running statistics, whose variance is the unbiased one, along with y. */
  #track(batchMean: Floats, batchVar: Floats, count: number, y: Floats): void {
    const { runningMean, runningVar, numBatchesTracked } = this;
    if (runningMean === undefined) return;
    withoutTracking(() => {
      const batches = add(latest(numBatchesTracked as Tensor), 1) as Tensor;
      const share = this.momentum ?? (div(1, cast(batches, 'float32')) as Floats);
      const moved = (running: Tensor, batch: Floats): Tensor => add(latest(running), mul(sub(batch, latest(running) as Floats), share) as Tensor) as Tensor;
      const along = { along: y as Tensor };
      assign(runningMean as Parameter, moved(runningMean as Tensor, batchMean), along);
      assign(runningVar! as Parameter, moved(runningVar! as Tensor, mul(batchVar, count / (count - 1)) as Floats), along);
      assign(numBatchesTracked as unknown as Parameter, batches, along);
    });
  }
}

/**
 * Batch normalisation: y = (x - mean) / sqrt(var + eps) * weight + bias, for each feature. x [N, features] or [N, features, L] float32 gives its shape.
 * In training mean and variance (biased) are the batch's, and running = running + momentum (batch - running) follows, with the unbiased
 * variance, once for each batch whose step has run; in evaluation they are the running ones. As torch.nn.BatchNorm1d.
 * Source: Ioffe and Szegedy, arXiv:1502.03167. Throws ArgumentError for options that are wrong, and ShapeError for another number of
 * features, and for a training batch with one value a feature.
 *
 *     const model = nn.sequential([784], [nn.linear(784, 64), nn.batchNorm1d(64), nn.relu(), nn.linear(64, 10)]);
 */
export function batchNorm1d(features: number, options?: BatchNormOptions): BatchNorm1d {
  return new BatchNorm1d(features, options);
}
