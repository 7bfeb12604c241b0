import type { DType } from '../dtype.js';
import { ArgumentError, ShapeError } from '../errors.js';
import { describeValue } from '../describe-value.js';
import { assign } from '../graph/assign.js';
import { latest } from '../graph/assignments.js';
import { withoutTracking } from '../graph/recorder.js';
import { normalizeByStatistics } from '../ops/batch-norm-inference.js';
import { add, cast, div, mean, mul, sub } from '../ops/index.js';
import { checkCount } from '../ops/check.js';
import { checkEps, normalizeChannels, type Normalized } from '../ops/norms.js';
import { checkFlags, checkOptions } from '../options.js';
import { Parameter } from '../parameter.js';
import { showShape, sizeOf, type Shape } from '../shape.js';
import type { Differ } from '../shape-types.js';
import type { Tensor } from '../tensor.js';
import type { SpatialRank } from '../window-types.js';
import { constant, ones, zeros } from './initializers.js';
import { Layer, type LayerCall } from './layer.js';
import { ShapeMismatch, type InferredShape } from './shape-inference.js';
import type { Show, ShapeFunction, ShapeMismatch as Mismatch } from './shape-mismatch.js';

export interface ChannelNormOptions {
  /** Number added to the variance. Default 1e-5. */
  readonly eps?: number | undefined;
  /** The share of a batch in the running statistics; null: all batches count alike. Default 0.1. */
  readonly momentum?: number | null | undefined;
  /** Switch for a weight and a bias. Default true for batch norms, false for instance norms. */
  readonly affine?: boolean | undefined;
  /** Switch for running statistics; without, those of the input are used in evaluation, too. Default true for batch norms, false for instance norms. */
  readonly trackRunningStats?: boolean | undefined;
}

/** Difference of the two norms by channels: whose elements have a mean and a variance. */
interface ChannelNormKind {
  readonly name: 'batchNorm' | 'instanceNorm';
  /** Default of `affine` and `trackRunningStats`. */
  readonly stateful: boolean;
  /** Axes of the examples of each rank, behind the channels. */
  readonly examples: { readonly [R in SpatialRank]: readonly string[] };
}

export const BATCH = { name: 'batchNorm', stateful: true, examples: { 1: ['', ',L'], 2: [',H,W'], 3: [',D,H,W'] } } as const satisfies ChannelNormKind;
export const INSTANCE = { name: 'instanceNorm', stateful: false, examples: { 1: [',L'], 2: [',H,W'], 3: [',D,H,W'] } } as const satisfies ChannelNormKind;
type Kind = typeof BATCH | typeof INSTANCE;

/** Examples that a norm of C channels takes, as messages write them. */
type Expected<K extends Kind, R extends SpatialRank, C extends number> = K['examples'][R] extends readonly [infer A extends string, infer B extends string]
  ? `[${C}${A}] or [${C}${B}]`
  : K['examples'][R] extends readonly [infer A extends string]
    ? `[${C}${A}]`
    : string;

/** A norm of C channels: the same shape comes out. */
export interface SameChannels<K extends Kind, R extends SpatialRank, C extends number> extends ShapeFunction {
  readonly out: this['in'] extends Shape
    ? Takes<this['in'], K, R, C> extends true
      ? this['in']
      : Mismatch<`${K['name']}${R}d(${C}) expects ${Expected<K, R, C>}`, Show<this['in']>>
    : Shape;
}

/** Ranks of examples, channels included. */
type Ranks = { batchNorm: { 1: 1 | 2; 2: 3; 3: 4 }; instanceNorm: { 1: 2; 2: 3; 3: 4 } };
type Takes<S extends Shape, K extends Kind, R extends SpatialRank, C extends number> = number extends S['length'] ? true : S['length'] extends Ranks[K['name']][R] ? (Differ<S[0] & number, C> extends true ? false : true) : false;

type Optional = Tensor | undefined;

/** Normalisation of each channel, and its running statistics. See BatchNorm and InstanceNorm. */
export abstract class ChannelNorm<K extends Kind, R extends SpatialRank, C extends number> extends Layer<Shape, Shape, SameChannels<K, R, C>> {
  /** Number of spatial axes; 1 takes none, too, in a batch norm. */
  readonly rank: R;
  readonly features: C;
  readonly eps: number;
  readonly momentum: number | null;
  /** [features]; undefined without `affine`. */
  readonly weight: Parameter<[C]> | undefined;
  readonly bias: Parameter<[C]> | undefined;
  /** [features]; undefined without `trackRunningStats`. */
  readonly runningMean: Parameter<[C]> | undefined;
  readonly runningVar: Parameter<[C]> | undefined;
  /** Number of batches that the running statistics have seen: int32 []. */
  readonly numBatchesTracked: Parameter<[], 'int32'> | undefined;
  /** True while training mode, too, takes the running statistics and leaves them; set by freeze() and unfreeze(). */
  frozen = false;
  readonly #kind: K;

  constructor(kind: K, rank: R, features: C, options: ChannelNormOptions = {}) {
    super();
    const op = `${kind.name}${rank}d`;
    checkOptions(op, options, ['eps', 'momentum', 'affine', 'trackRunningStats']);
    checkFlags(op, options, ['affine', 'trackRunningStats']);
    const { eps = 1e-5, momentum = 0.1, affine = kind.stateful, trackRunningStats = kind.stateful } = options;
    checkCount(op, 'features', features);
    if (!(momentum === null || (typeof momentum === 'number' && momentum >= 0 && momentum <= 1))) {
      throw new ArgumentError(`[${op}] momentum: got ${describeValue(momentum)}, expected a number in [0, 1], or null.`, { op });
    }
    this.#kind = kind;
    this.rank = rank;
    this.features = features;
    this.eps = checkEps(op, eps);
    this.momentum = momentum;
    const buffer = { requiresGrad: false };
    this.weight = affine ? new Parameter([features], ones()) : undefined;
    this.bias = affine ? new Parameter([features], zeros()) : undefined;
    this.runningMean = trackRunningStats ? new Parameter([features], zeros(), buffer) : undefined;
    this.runningVar = trackRunningStats ? new Parameter([features], ones(), buffer) : undefined;
    this.numBatchesTracked = trackRunningStats ? new Parameter([], constant(0), { requiresGrad: false, dtype: 'int32' }) : undefined;
  }

  override forward<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<S, D> {
    const { shape } = x as Tensor;
    const op = `${this.#kind.name}${this.rank}d`;
    if (!this.#takes(shape.slice(1))) throw new ShapeError(`[${op}] the shape does not fit: got x ${showShape(shape)}, expected ${this.#expected('N,')}.`, { op, shapes: [shape] });
    const [weight, bias] = [this.weight as Optional, this.bias as Optional];
    const training = this.training && !this.frozen;
    if (!training && this.runningMean !== undefined) {
      const statistics = { mean: this.runningMean as Tensor, variance: this.runningVar as unknown as Tensor };
      return normalizeByStatistics(x as Tensor, statistics, weight === undefined ? [] : [weight, bias!], this.eps) as unknown as Tensor<S, D>;
    }
    const count = this.#kind.name === 'batchNorm' ? sizeOf(shape) / this.features : sizeOf(shape.slice(2));
    if (count < 2) throw this.#tooFew(op, shape);
    const normalized = normalizeChannels(this.#kind.name, x as Tensor, weight, bias, this.eps);
    if (training && shape[0]! > 0) this.#track(normalized, count);
    return normalized.y as unknown as Tensor<S, D>;
  }

  override outcome$(shape: Shape): InferredShape {
    if (!this.builtin) return undefined;
    return this.#takes(shape) ? shape : new ShapeMismatch(`${this.toString()} expects ${this.#expected('')}`, showShape(shape));
  }

  override onFreeze$(state: ReadonlySet<unknown>, frozen: boolean): void {
    const own = this.weight === undefined ? [this.runningMean] : [this.weight, this.bias];
    if (own.every((parameter) => state.has(parameter))) this.frozen = frozen;
  }

  /** The call that makes such a norm. */
  protected get ownCall$(): LayerCall {
    const { rank, features, eps, momentum } = this;
    return { name: `${this.#kind.name}${rank}d`, args: [features], options: { eps, momentum, affine: this.weight !== undefined, trackRunningStats: this.runningMean !== undefined } };
  }

  get #examples(): readonly string[] {
    return this.#kind.examples[this.rank];
  }

  /** Returns whether it takes examples of that shape. */
  #takes(example: Shape): boolean {
    return example[0] === this.features && this.#examples.some((axes) => axes.split(',').length === example.length);
  }

  #expected(batch: string): string {
    return this.#examples.map((axes) => `[${batch}${this.features}${axes}]`).join(' or ');
  }

  #tooFew(op: string, shape: Shape): ShapeError {
    const batch = this.#kind.name === 'batchNorm';
    const [larger, otherwise] = batch ? ['a larger batch', 'Drop the last one (dropLast)'] : ['more positions', 'Take a group norm'];
    const evaluated = this.training && this.runningMean !== undefined ? ', or call eval()' : '';
    return new ShapeError(`[${op}] one value a feature has no variance: got x ${showShape(shape)}, expected ${larger}. ${otherwise}${evaluated}.`, { op, shapes: [shape] });
  }

  /** Assigns the running statistics, whose variance is the unbiased one, along with y. Those of an instance norm move by the mean of the examples' own. */
  #track({ y, mean: means, variance }: Normalized, count: number): void {
    const { runningMean, runningVar, numBatchesTracked } = this;
    if (runningMean === undefined) return;
    withoutTracking(() => {
      const ofBatch = (statistic: Tensor): Tensor => (statistic.shape.length === 1 ? statistic : (mean(statistic, { axis: 0 }) as Tensor));
      const batches = add(latest(numBatchesTracked as Tensor), 1) as Tensor;
      const share = this.momentum ?? (div(1, cast(batches, 'float32')) as Tensor);
      const moved = (running: Tensor, batch: Tensor): Tensor => add(latest(running), mul(sub(batch, latest(running)), share) as Tensor) as Tensor;
      const along = { along: y };
      assign(runningMean as unknown as Parameter, moved(runningMean as Tensor, ofBatch(means!)), along);
      assign(runningVar as unknown as Parameter, moved(runningVar as unknown as Tensor, mul(ofBatch(variance), count / (count - 1)) as Tensor), along);
      assign(numBatchesTracked as unknown as Parameter, batches, along);
    });
  }
}
