// Losses of what models map things to: distributions, rankings and embeddings. They take more than outputs and targets, so in a Trainer
// they stand in a function of your own.
import { DTypeError, ShapeError } from '../errors.js';
import { abs, add, arange, cast, clamp, crossEntropy as entropies, div, equal, exp, less, log, matmul, max, maximum, minimum, mul, neg, pow, reshape, sqrt, sub, sum, transpose, where } from '../ops/index.js';
import { checkOptions } from '../options.js';
import { sameShape, showShape, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { checkOption, checkPairs, checkTensors } from './check.js';
import { NOT_NEGATIVE, SIGNS, within } from './domain.js';
import { outputLoss, type BuiltinLoss, type ConfiguredLoss } from './loss.js';
import { checkProducer, LOGARITHMS, OUTPUT_OPTIONS, type OutputOptions, type Refused } from './output-activation.js';
import { reduce, REDUCTION, type Reduced, type Reduction, type ReductionOptions } from './reduction.js';

type Floats = Tensor<Shape, 'float32'>;
type Result<R extends Reduction> = Tensor<Reduced<R>, 'float32'>;

function checkAlike(op: string, named: Readonly<Record<string, Tensor>>): void {
  checkTensors(op, named);
  const [names, tensors] = [Object.keys(named), Object.values(named)];
  const shapes = tensors.map(({ shape }) => shape);
  const got = tensors.map((tensor, i) => `${names[i]} ${tensor.dtype} ${showShape(tensor.shape)}`).join(', ');
  if (tensors.some(({ dtype }) => dtype !== 'float32')) throw new DTypeError(`[${op}] takes floats: got ${got}, expected float32.`, { op, shapes });
  if (shapes.some((shape) => !sameShape(shape, shapes[0]!))) throw new ShapeError(`[${op}] the shapes differ: got ${got}, expected one shape.`, { op, shapes });
}

export interface KlDivergenceOptions extends OutputOptions {
  /** True: targets are logarithms of probabilities too. Default false. */
  readonly logTargets?: boolean | undefined;
}

/** See klDivergence. */
export interface KlDivergence extends BuiltinLoss<'float32'> {
  <R extends Reduction | 'batchmean' = 'mean'>(
    outputs: Tensor,
    targets: Tensor,
    options?: KlDivergenceOptions & Omit<ReductionOptions, 'reduction'> & { readonly reduction?: R | undefined },
  ): Tensor<R extends Reduction ? Reduced<R> : [], 'float32'>;
  /** The loss with options given beforehand: `new Trainer(model, { loss: losses.klDivergence.with({ reduction: 'batchmean' }), optimizer })`. */
  with(options: KlDivergenceOptions & { readonly reduction?: 'mean' | 'sum' | 'batchmean' | undefined }): ConfiguredLoss<'float32'>;
}

/**
 * The Kullback-Leibler divergence from targets to outputs, element by element: y (log y - x), where outputs x are logarithms of probabilities
 * and targets y probabilities; 0 where y is 0, whatever x. 'mean' is over all elements; 'batchmean' sums those of each example first, along
 * all axes but the first, which is the divergence by its definition. Matches torch.nn.functional.kl_div.
 */
export const klDivergence: KlDivergence = outputLoss<'float32', KlDivergenceOptions>('klDivergence', 'float32', ['logTargets', ...OUTPUT_OPTIONS], (outputs, targets, options) => {
  const op = 'klDivergence';
  const { logTargets = false } = options;
  const reduction = options.reduction as Reduction | 'batchmean' | undefined;
  checkPairs(op, outputs, targets);
  checkProducer(op, outputs, 'logarithms of probabilities', LOGARITHMS, options);
  checkProducer(op, targets, logTargets ? 'logarithms of probabilities' : 'probabilities', logTargets ? PLAIN_TARGETS : LOG_TARGETS, options, 'the targets');
  const [x, y] = [outputs as Floats, (logTargets ? targets : within(op, targets, NOT_NEGATIVE)) as Floats];
  // What no probability belongs to counts nothing: 0 log 0 is 0. The logarithm there is of something else, so that its slope is finite.
  const none = logTargets ? equal(y, -Infinity) : equal(y, 0);
  const safe = where(none, logTargets ? 0 : 1, y) as Floats;
  const divergence = logTargets ? mul(exp(safe), sub(safe, x)) : mul(safe, sub(log(safe), x));
  const each = where(none, 0, divergence as Floats) as Floats;
  if (reduction !== 'batchmean') return reduce(op, each, options);
  const rest = each.shape.map((_, axis) => axis).slice(1);
  return reduce(op, rest.length === 0 ? each : sum(each, { axis: rest }), { ...options, reduction: 'mean' });
}) as unknown as KlDivergence;

const LOG_TARGETS: Refused = { logSoftmax: 'Take softmax, or say so: { logTargets: true }.' };
const PLAIN_TARGETS: Refused = { softmax: 'Take logSoftmax, or leave logTargets out.', sigmoid: 'Take logarithms, or leave logTargets out.' };

export interface MarginOptions<R extends Reduction = Reduction> extends ReductionOptions<R> {
  readonly margin?: number | undefined;
}

/** The cosine of the angle between rows, [.., D] and [.., D] to [..]. */
function cosine(a: Floats, b: Floats): Floats {
  const squared = (x: Floats): Floats => add(sum(mul(x, x), { axis: -1 }) as Floats, 1e-12) as Floats;
  // The root of each: their product overflows long before they do. Rounding may leave [-1, 1], where the slope is 0 anyway.
  return clamp((sum(mul(a, b), { axis: -1 }) as Floats).div(mul(sqrt(squared(a)), sqrt(squared(b)))), -1, 1) as Floats;
}

/**
 * For pairs of vectors that belong together (target 1) or not (-1): 1 - cos, and max(0, cos - margin).
 * a, b [N, D], targets [N]. margin: default 0. Matches torch.nn.functional.cosine_embedding_loss.
 */
export function cosineEmbedding<R extends Reduction = 'mean'>(a: Tensor, b: Tensor, targets: Tensor, options: MarginOptions<R> = {}): Result<R> {
  const op = 'cosineEmbedding';
  checkOptions(op, options, [...REDUCTION, 'margin']);
  const { margin = 0 } = options;
  checkOption(op, 'margin', margin);
  checkAlike(op, { a, b });
  checkTensors(op, { targets });
  const cos = cosine(a as Floats, b as Floats);
  checkAlike(op, { cosines: cos, targets });
  const signs = within(op, targets, SIGNS) as Floats;
  return reduce(op, where(less(0, signs), sub(1, cos), clamp(sub(cos, margin), 0)), options) as Result<R>;
}

/**
 * For pairs of scores of which the first should be higher (target 1) or lower (-1): max(0, -y (a - b) + margin). All of one shape.
 * margin: default 0. Matches torch.nn.functional.margin_ranking_loss.
 */
export function marginRanking<R extends Reduction = 'mean'>(a: Tensor, b: Tensor, targets: Tensor, options: MarginOptions<R> = {}): Result<R> {
  const op = 'marginRanking';
  checkOptions(op, options, [...REDUCTION, 'margin']);
  const { margin = 0 } = options;
  checkOption(op, 'margin', margin);
  checkAlike(op, { a, b, targets });
  return reduce(op, clamp(add(mul(neg(within(op, targets, SIGNS)), sub(a, b)), margin), 0), options) as Result<R>;
}

export interface TripletOptions<R extends Reduction = Reduction> extends ReductionOptions<R> {
  /** Default 1. */
  readonly margin?: number | undefined;
  /** The norm of differences. Default 2. */
  readonly norm?: number | undefined;
  /** Takes the smaller of the distances of anchor and positive to the negative. Default false. Source: Balntas et al., 2016, doi:10.5244/C.30.119. */
  readonly swap?: boolean | undefined;
  /** Added to differences. Default 1e-6. */
  readonly eps?: number | undefined;
}

/** A power or root whose slope at 0 is 0, as in torch: of equal vectors, or of equal coordinates in norms below 1. */
function fromZero(x: Floats, of: (x: Floats) => Floats): Floats {
  const none = equal(x, 0);
  return where(none, 0, of(where(none, 1, x) as Floats)) as Floats;
}

/** The norm of rows of magnitudes, [.., D] to [..], in units of the greatest of a row, so that powers stay in range. */
function length(sizes: Floats, norm: number): Floats {
  if (norm === 1 || sizes.shape.at(-1) === 0) return sum(sizes, { axis: -1 }) as Floats;
  const greatest = max(sizes.detach(), { axis: -1, keepdim: true }) as Floats;
  const unit = where(equal(greatest, 0), 1, greatest) as Floats;
  const shares = div(sizes, unit) as Floats;
  const powers = norm === 2 ? mul(shares, shares) : fromZero(shares, (x) => pow(x, norm) as Floats);
  const total = sum(powers as Floats, { axis: -1 }) as Floats;
  return mul(fromZero(total, (x) => (norm === 2 ? sqrt(x) : pow(x, 1 / norm)) as Floats), reshape(unit, total.shape)) as Floats;
}

/**
 * An anchor should be closer to the positive than to the negative: max(0, d(a, p) - d(a, n) + margin), [.., D] each, d the distance of rows.
 * Matches torch.nn.functional.triplet_margin_loss. Source: Schroff et al., arXiv:1503.03832.
 */
export function tripletMargin<R extends Reduction = 'mean'>(anchor: Tensor, positive: Tensor, negative: Tensor, options: TripletOptions<R> = {}): Result<R> {
  const op = 'tripletMargin';
  checkOptions(op, options, [...REDUCTION, 'margin', 'norm', 'swap', 'eps']);
  const { margin = 1, norm = 2, swap = false, eps = 1e-6 } = options;
  checkOption(op, 'margin', margin);
  checkOption(op, 'norm', norm, { least: 0, open: true });
  checkOption(op, 'eps', eps, { least: 0 });
  checkAlike(op, { anchor, positive, negative });
  const distance = (a: Tensor, b: Tensor): Floats => length(abs(add(sub(a, b), eps)) as Floats, norm);
  const far = distance(anchor, negative);
  const nearest = swap ? minimum(far, distance(positive, negative)) : far;
  return reduce(op, clamp(add(sub(distance(anchor, positive), nearest), margin), 0), options) as Result<R>;
}

export interface InfoNceOptions<R extends Reduction = Reduction> extends ReductionOptions<R> {
  /** Default 0.1. */
  readonly temperature?: number | undefined;
  /** Also the other way, from keys to queries, and the mean of both, as in CLIP (Radford et al., arXiv:2103.00020). Default false. */
  readonly symmetric?: boolean | undefined;
}

/**
 * Each query should be most like the key of its own row: the cross-entropy of the rows' cosines divided by the temperature.
 * queries, keys [N, D]. Source: van den Oord et al., arXiv:1807.03748; with cosines as in Chen et al., arXiv:2002.05709.
 */
export function infoNce<R extends Reduction = 'mean'>(queries: Tensor, keys: Tensor, options: InfoNceOptions<R> = {}): Result<R> {
  const op = 'infoNce';
  checkOptions(op, options, [...REDUCTION, 'temperature', 'symmetric']);
  const { temperature = 0.1, symmetric = false } = options;
  checkOption(op, 'temperature', temperature, { least: 0, open: true });
  checkAlike(op, { queries, keys });
  if (queries.shape.length !== 2) throw new ShapeError(`[${op}] takes rows of vectors: got ${showShape(queries.shape)}, expected [N,D].`, { op, shapes: [queries.shape] });
  // Of length 1 where they are at least 1e-12 long, as in torch.nn.functional.normalize.
  const unit = (x: Floats): Floats => x.div(sqrt(maximum(sum(mul(x, x), { axis: -1, keepdim: true }), 1e-24) as Floats)) as Floats;
  const logits = div(matmul(unit(queries as Floats), transpose(unit(keys as Floats), 0, 1)), temperature) as Floats;
  const own = cast(arange(queries.shape[0]!), 'int32') as unknown as Tensor<Shape, 'int32'>;
  const there = entropies(logits, own);
  const each = symmetric ? mul(add(there, entropies(transpose(logits, 0, 1), own)), 0.5) : there;
  return reduce(op, each, options) as Result<R>;
}
