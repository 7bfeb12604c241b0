// Losses of numbers: outputs and targets are float32 of one shape, and pair up element by element.
import { ArgumentError, ShapeError } from '../errors.js';
import { abs, add, clamp, div, exp, less, log, log1p, maximum, mul, neg, reshape, softplus, sub, tanh, where } from '../ops/index.js';
import { checkOptions } from '../options.js';
import { showShape, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { checkOption, checkPairs, checkTensors } from './check.js';
import { NOT_NEGATIVE, within } from './domain.js';
import { outputLoss } from './loss.js';
import { reduce, REDUCTION, type Reduced, type Reduction, type ReductionOptions } from './reduction.js';

type Floats = Tensor<Shape, 'float32'>;

const INDICES = '; for class indices take losses.crossEntropy';

/**
 * The mean absolute error: L = 1/n sum_i |outputs[i] - targets[i]|. Its slope does not grow with the error, so outliers count less
 * than in the squared error. Matches torch.nn.functional.l1_loss.
 */
export const meanAbsoluteError = outputLoss<'float32', object>('meanAbsoluteError', 'float32', [], (outputs, targets, options) => {
  checkPairs('meanAbsoluteError', outputs, targets, INDICES);
  return reduce('meanAbsoluteError', abs(sub(outputs, targets)), options);
});

export interface HuberOptions {
  /** Error at which the square ends and the line begins. Default 1. */
  readonly delta?: number | undefined;
}

/**
 * e^2 / 2 where |e| <= delta, else delta (|e| - delta / 2), of the errors e = outputs - targets.
 * Matches torch.nn.functional.huber_loss. Source: Huber, 1964, doi:10.1214/aoms/1177703732.
 */
export const huber = outputLoss<'float32', HuberOptions>('huber', 'float32', ['delta'], (outputs, targets, options) => {
  const { delta = 1 } = options;
  checkOption('huber', 'delta', delta, { least: 0, open: true });
  checkPairs('huber', outputs, targets, INDICES);
  const error = abs(sub(outputs, targets));
  const inside = clamp(error, undefined, delta);
  // Both branches at once: with c = min(|e|, delta) it is c^2 / 2 + delta (|e| - c).
  return reduce('huber', add(mul(mul(inside, inside), 0.5), mul(sub(error, inside), delta)), options);
});

export interface SmoothL1Options {
  /** Error at which the square ends and the line begins. Default 1. With 0 it is the mean absolute error. */
  readonly beta?: number | undefined;
}

/** The Huber loss with delta = beta, divided by beta: e^2 / (2 beta) where |e| < beta, else |e| - beta / 2. Matches torch.nn.functional.smooth_l1_loss. */
export const smoothL1 = outputLoss<'float32', SmoothL1Options>('smoothL1', 'float32', ['beta'], (outputs, targets, options) => {
  const { beta = 1 } = options;
  if (beta !== 0) checkOption('smoothL1', 'beta', beta, { least: 0, open: true });
  checkPairs('smoothL1', outputs, targets, INDICES);
  const error = abs(sub(outputs, targets));
  if (beta === 0) return reduce('smoothL1', error, options);
  const inside = clamp(error, undefined, beta);
  // What is inside is at most beta, so that neither quotient nor product leaves the range.
  return reduce('smoothL1', add(mul(mul(div(inside, beta), inside), 0.5), sub(error, inside)), options);
});

/** log cosh(e) of the errors e: about e^2 / 2 near 0 and |e| - log 2 far away, smooth everywhere. Does not overflow. */
export const logCosh = outputLoss<'float32', object>('logCosh', 'float32', [], (outputs, targets, options) => {
  checkPairs('logCosh', outputs, targets, INDICES);
  const error = sub(outputs as Floats, targets as Floats) as Floats;
  const size = abs(error) as Floats;
  // |e| + softplus(-2 |e|) - log 2; near 0, where these cancel, -log(1 - tanh(e)^2) / 2.
  const slope = tanh(clamp(error, -1, 1)) as Floats;
  const near = mul(log1p(neg(mul(slope, slope))), -0.5) as Floats;
  const far = sub(add(size, softplus(mul(size, -2))), Math.LN2) as Floats;
  return reduce('logCosh', where(less(size, 1), near, far), options);
});

export interface PoissonNllOptions {
  /** True: outputs are logarithms of rates. Default true. */
  readonly logInput?: boolean | undefined;
  /** Adds the approximation of log(targets!) by Stirling's formula, which moves no gradient. Default false. */
  readonly full?: boolean | undefined;
  /** Added to a rate before its logarithm is taken, where logInput is false. Default 1e-8. */
  readonly eps?: number | undefined;
}

/**
 * The negative log likelihood of counts under a Poisson distribution: exp(outputs) - targets outputs, or, with logInput false,
 * outputs - targets log(outputs + eps). Matches torch.nn.functional.poisson_nll_loss.
 */
export const poissonNll = outputLoss<'float32', PoissonNllOptions>('poissonNll', 'float32', ['logInput', 'full', 'eps'], (outputs, targets, options) => {
  const { logInput = true, full = false, eps = 1e-8 } = options;
  checkOption('poissonNll', 'eps', eps, { least: 0 });
  checkPairs('poissonNll', outputs, targets);
  const counts = within('poissonNll', targets, NOT_NEGATIVE);
  const likelihood = logInput ? sub(exp(outputs), mul(counts, outputs)) : sub(outputs, mul(counts, log(add(outputs, eps))));
  if (!full) return reduce('poissonNll', likelihood, options);
  const safe = maximum(counts, 1);
  const stirling = add(sub(mul(safe, log(safe)), safe), mul(log(mul(safe, 2 * Math.PI)), 0.5));
  return reduce('poissonNll', add(likelihood, where(less(1, counts), stirling, 0)), options);
});

export interface QuantileOptions {
  /** Quantile that outputs estimate, in (0, 1). Default 0.5: the median. */
  readonly quantile?: number | undefined;
}

/**
 * The pinball loss, least when outputs are the `quantile` of the targets: max(q e, (q - 1) e) of e = targets - outputs.
 * Source: Koenker and Bassett, 1978, doi:10.2307/1913643.
 */
export const quantile = outputLoss<'float32', QuantileOptions>('quantile', 'float32', ['quantile'], (outputs, targets, options) => {
  const { quantile: q = 0.5 } = options;
  if (!(typeof q === 'number' && q > 0 && q < 1)) throw new ArgumentError(`[quantile] quantile: got ${String(q)}, expected a number between 0 and 1.`, { op: 'quantile' });
  checkPairs('quantile', outputs, targets, INDICES);
  const error = sub(targets, outputs);
  return reduce('quantile', where(less(error, 0), mul(error, q - 1), mul(error, q)), options);
});

export interface GaussianNllOptions<R extends Reduction = Reduction> extends ReductionOptions<R> {
  /** Adds log(2 pi) / 2, which moves no gradient. Default false. */
  readonly full?: boolean | undefined;
  /** The least variance. Default 1e-6. */
  readonly eps?: number | undefined;
}

/**
 * The negative log likelihood under normal distributions: (log v + (targets - means)^2 / v) / 2, v = max(variances, eps).
 * means and targets float32 of one shape; variances of that shape, or with a last dimension of 1 or without it.
 * As in torch the gradient does not see the bound eps. Matches torch.nn.functional.gaussian_nll_loss.
 */
export function gaussianNll<R extends Reduction = 'mean'>(means: Tensor, targets: Tensor, variances: Tensor, options: GaussianNllOptions<R> = {}): Tensor<Reduced<R>, 'float32'> {
  const op = 'gaussianNll';
  checkOptions(op, options, [...REDUCTION, 'full', 'eps']);
  const { full = false, eps = 1e-6 } = options;
  checkOption(op, 'eps', eps, { least: 0, open: true });
  checkTensors(op, { means, targets, variances });
  checkPairs(op, means, targets);
  const spread = within(op, variancesLike(op, variances, means.shape), NOT_NEGATIVE, 'variances');
  // eps to its last digit, with the slope of the variance.
  const bounded = where(less(spread, eps), add(sub(spread, spread.detach()), eps), spread);
  const error = sub(targets, means);
  const likelihood = mul(add(log(bounded), mul(div(error, bounded), error)), 0.5);
  return reduce(op, full ? add(likelihood, Math.log(2 * Math.PI) / 2) : likelihood, options) as Tensor<Reduced<R>, 'float32'>;
}

function variancesLike(op: string, variances: Tensor, shape: Shape): Tensor {
  const rows = showShape(shape.slice(0, -1));
  const got = showShape(variances.shape);
  if (got === rows && shape.length > 0) return reshape(variances, [...variances.shape, 1]);
  if (got === showShape(shape) || got === showShape([...shape.slice(0, -1), 1])) return variances;
  throw new ShapeError(`[${op}] variances of the wrong shape: got ${got}, expected ${showShape(shape)}, or one per row: ${rows}.`, { op, shapes: [variances.shape, shape] });
}
