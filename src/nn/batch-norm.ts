import type { DType } from '../dtype.js';
import { ArgumentError, ShapeError } from '../errors.js';
import { describeValue } from '../describe-value.js';
import { assign } from '../graph/assign.js';
import { latest } from '../graph/assignments.js';
import { withoutTracking } from '../graph/recorder.js';
import { batchNorm, normalized } from '../ops/batch-norm.js';
import { add, cast, div, mul, sub } from '../ops/index.js';
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

/** Shapes of examples that each of the layers takes, behind the features, as messages write them. */
const EXAMPLES = { 1: ['', ',L'], 2: [',H,W'], 3: [',D,H,W'] } as const;

/** See batchNorm1d(), batchNorm2d() and batchNorm3d(). */
export class BatchNorm<R extends 1 | 2 | 3 = 1 | 2 | 3> extends Module<Shape, Shape, Same> {
  /** Number of spatial axes; 1 takes none, too. */
  readonly rank: R;
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
  /** True while training mode, too, takes the running statistics and leaves them; set by freeze() and unfreeze(). */
  frozen = false;

  constructor(rank: R, features: number, options: BatchNormOptions = {}) {
    super();
    const op = `batchNorm${rank}d`;
    checkOptions(op, options, ['eps', 'momentum', 'affine', 'trackRunningStats']);
    checkFlags(op, options, ['affine', 'trackRunningStats']);
    const { eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true } = options;
    if (!(Number.isInteger(features) && features > 0)) throw new ArgumentError(`[${op}] features: got ${describeValue(features)}, expected a whole number above 0.`, { op });
    if (!(typeof eps === 'number' && eps >= 0 && eps < Infinity)) throw new ArgumentError(`[${op}] eps: got ${describeValue(eps)}, expected a number of at least 0.`, { op });
    if (!(momentum === null || (typeof momentum === 'number' && momentum >= 0 && momentum <= 1))) {
      throw new ArgumentError(`[${op}] momentum: got ${describeValue(momentum)}, expected a number in [0, 1], or null.`, { op });
    }
    this.rank = rank;
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
    const op = `batchNorm${this.rank}d`;
    if (!this.#takes(shape.slice(1))) throw new ShapeError(`[${op}] the shape does not fit: got x ${showShape(shape)}, expected ${this.#expected('N,')}.`, { op, shapes: [shape] });
    const { runningMean, runningVar } = this;
    const training = this.training && !this.frozen;
    if (!training && runningMean !== undefined) return normalized(input, runningMean as Floats, runningVar as unknown as Floats, this.eps, this.weight as Floats | undefined, this.bias as Floats | undefined) as unknown as Tensor<S, D>;
    const count = sizeOf(shape) / this.features;
    if (training && count < 2) {
      throw new ShapeError(`[${op}] one value a feature has no variance: got x ${showShape(shape)}, expected a larger batch. Drop the last one (dropLast), or call eval().`, { op, shapes: [shape] });
    }
    const { y, mean, variance } = batchNorm(input, this.eps, this.weight as Floats | undefined, this.bias as Floats | undefined);
    if (training) this.#track(mean, variance, count, y);
    return y as unknown as Tensor<S, D>;
  }

  override outcome$(shape: Shape): InferredShape {
    if (!this.builtin) return undefined;
    return this.#takes(shape) ? shape : new ShapeMismatch(`${this.toString()} expects ${this.#expected('')}`, showShape(shape));
  }

  override get builtin(): boolean {
    return this.isPlain(BatchNorm);
  }

  override onFreeze$(state: ReadonlySet<unknown>, frozen: boolean): void {
    const own = this.weight === undefined ? [this.runningMean] : [this.weight, this.bias];
    if (own.every((parameter) => state.has(parameter))) this.frozen = frozen;
  }

  override toString(): string {
    return `batchNorm${this.rank}d(${this.features})`;
  }

  /** Returns whether it takes examples of that shape. */
  #takes(example: Shape): boolean {
    const axes = example.length - 1;
    return example[0] === this.features && (axes === this.rank || (this.rank === 1 && axes === 0));
  }

  #expected(batch: string): string {
    return EXAMPLES[this.rank].map((axes) => `[${batch}${this.features}${axes}]`).join(' or ');
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
export function batchNorm1d(features: number, options?: BatchNormOptions): BatchNorm<1> {
  return new BatchNorm(1, features, options);
}

/**
 * Batch normalisation of images, over the batch and all pixels of a channel: x [N, features, H, W] float32 gives its shape. Otherwise as batchNorm1d(), and as
 * torch.nn.BatchNorm2d.
 *
 *     const model = nn.sequential([16, 8, 8], nn.batchNorm2d(16), nn.relu());
 */
export function batchNorm2d(features: number, options?: BatchNormOptions): BatchNorm<2> {
  return new BatchNorm(2, features, options);
}

/** The same for volumes [N, features, D, H, W]. As torch.nn.BatchNorm3d. */
export function batchNorm3d(features: number, options?: BatchNormOptions): BatchNorm<3> {
  return new BatchNorm(3, features, options);
}
