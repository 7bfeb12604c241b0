// Losses of classes that exclude each other in no way, and of two classes: outputs are logits, float32, and targets of the same shape.
import { ArgumentError } from '../errors.js';
import { binaryCrossEntropy as binary } from '../ops/binary-cross-entropy.js';
import { checkClassWeights } from '../ops/class-targets.js';
import { add, clamp, div, exp, greater, less, log, mean, mul, neg, sigmoid, softplus, sub, sum, where } from '../ops/index.js';
import type { Shape } from '../shape.js';
import { Tensor } from '../tensor.js';
import { checkOption, checkPairs } from './check.js';
import { PROBABILITIES, SIGNS, within } from './domain.js';
import { outputLoss } from './loss.js';
import { checkProducer, NO_SIGMOID, OUTPUT_OPTIONS, type OutputOptions } from './output-activation.js';
import { reduce } from './reduction.js';

type Floats = Tensor<Shape, 'float32'>;

/** The targets, if they go with the logits. */
function checkLogits(op: string, outputs: Tensor, targets: Tensor, options: OutputOptions, instead = '; outputs are logits, without a sigmoid before'): Floats {
  checkPairs(op, outputs, targets, instead);
  checkProducer(op, outputs, 'logits, scores of any size', NO_SIGMOID, options);
  return within(op, targets, PROBABILITIES) as Floats;
}

export interface BinaryCrossEntropyOptions extends OutputOptions {
  /** Weight of a positive target relative to a negative one: a number, or float32 that broadcasts to the outputs. Default 1. */
  readonly positiveWeight?: number | Tensor | undefined;
}

/**
 * The cross-entropy of sigmoid(outputs) and targets in [0, 1], in nats: L = -y log sigmoid(x) - (1 - y) log(1 - sigmoid(x)).
 * Outputs are logits; stable at any size. Matches torch.nn.functional.binary_cross_entropy_with_logits (positiveWeight is pos_weight).
 *
 *     const loss = losses.binaryCrossEntropy(model.forward(inputs), targets);    // no sigmoid at the model's end
 */
export const binaryCrossEntropy = outputLoss<'float32', BinaryCrossEntropyOptions>('binaryCrossEntropy', 'float32', ['positiveWeight', ...OUTPUT_OPTIONS], (outputs, targets, options) => {
  const { positiveWeight } = options;
  if (positiveWeight !== undefined && !(positiveWeight instanceof Tensor)) checkOption('binaryCrossEntropy', 'positiveWeight', positiveWeight, { least: 0 });
  const shares = checkLogits('binaryCrossEntropy', outputs, targets, options);
  return reduce('binaryCrossEntropy', binary(outputs, shares, positiveWeight), options);
});

export interface MultilabelOptions extends OutputOptions {
  /** Weight of each class: float32 [C]. */
  readonly classWeights?: Tensor | undefined;
}

/**
 * For examples with several labels: the mean over the classes, the last axis, of the binary cross-entropy.
 * outputs [.., C] logits and targets [.., C] of 0 and 1. Matches torch.nn.functional.multilabel_soft_margin_loss.
 */
export const multilabelSoftMargin = outputLoss<'float32', MultilabelOptions>('multilabelSoftMargin', 'float32', ['classWeights', ...OUTPUT_OPTIONS], (outputs, targets, options) => {
  const op = 'multilabelSoftMargin';
  const { classWeights } = options;
  const present = checkLogits(op, outputs, targets, options, '; targets are 0 and 1 for each class');
  const each = binary(outputs, present) as Floats;
  const weighted = classWeights === undefined ? each : mul(each, checkClassWeights(op, classWeights, outputs.shape.at(-1)!) as Floats);
  return reduce(op, mean(weighted as Floats, { axis: -1 }), options);
});

export interface FocalOptions extends OutputOptions {
  /** Exponent by which easy examples lose their weight. Default 2. */
  readonly gamma?: number | undefined;
  /** Weight of positive targets, in [0, 1]; negative ones count 1 - alpha. Default 0.25. Null: both alike. */
  readonly alpha?: number | null | undefined;
}

/** Below it a logarithm is better taken of the factors. */
const TINY = 1e-37;

/**
 * log(1 - p), p = y sigmoid(x) + (1 - y) sigmoid(-x). With a = |x| and f the share of the target that speaks against the sign of x it is
 * log sigmoid(a) + log(f + (1 - f) exp(-a)), and -a instead of the second where that is next to log 0.
 */
function logWrong(x: Floats, y: Floats): Floats {
  const positive = greater(x, 0);
  const size = where(positive, x, neg(x));
  const against = where(positive, sub(1, y), y);
  const share = add(against, mul(sub(1, against), exp(neg(size))));
  const none = less(share, TINY);
  const logShare = where(none, neg(size), log(where(none, 1, share)));
  return sub(logShare, softplus(neg(size))) as Floats;
}

/**
 * The binary cross-entropy, times (1 - p)^gamma, where p = y sigmoid(x) + (1 - y) sigmoid(-x) is the probability given to what is right:
 * well-classified examples hardly count. Outputs are logits, targets in [0, 1]. As torchvision.ops.sigmoid_focal_loss.
 * Throws ArgumentError for options out of range. Source: Lin et al., arXiv:1708.02002.
 */
export const focal = outputLoss<'float32', FocalOptions>('focal', 'float32', ['gamma', 'alpha', ...OUTPUT_OPTIONS], (outputs, targets, options) => {
  const op = 'focal';
  const { gamma = 2, alpha = 0.25 } = options;
  checkOption(op, 'gamma', gamma, { least: 0 });
  if (alpha !== null && !(typeof alpha === 'number' && alpha >= 0 && alpha <= 1)) throw new ArgumentError(`[${op}] alpha: got ${String(alpha)}, expected a number in [0, 1], or null for none.`, { op });
  const shares = checkLogits(op, outputs, targets, options);
  const entropy = binary(outputs, shares) as Floats;
  const modulated = gamma === 0 ? entropy : mul(entropy, exp(mul(logWrong(outputs as Floats, shares), gamma)));
  const counts = alpha === null ? undefined : add(mul(shares, alpha), mul(sub(1, shares), 1 - alpha));
  return reduce(op, counts === undefined ? modulated : mul(modulated, counts), options);
});

/** For targets -1 and 1, others are a DataError of the step: max(0, 1 - y x). Source: Cortes and Vapnik, 1995, doi:10.1007/BF00994018. */
export const hinge = outputLoss<'float32', object>('hinge', 'float32', [], (outputs, targets, options) => {
  checkPairs('hinge', outputs, targets);
  const signs = within('hinge', targets, SIGNS);
  return reduce('hinge', clamp(sub(1, mul(signs, outputs)), 0), options);
});

/** For targets -1 and 1, others are a DataError of the step: max(0, 1 - y x)^2. */
export const squaredHinge = outputLoss<'float32', object>('squaredHinge', 'float32', [], (outputs, targets, options) => {
  checkPairs('squaredHinge', outputs, targets);
  const signs = within('squaredHinge', targets, SIGNS);
  const margin = clamp(sub(1, mul(signs, outputs)), 0);
  return reduce('squaredHinge', mul(margin, margin), options);
});

export interface DiceOptions extends OutputOptions {
  /** Added above and below, so that empty masks agree; with 0 two empty masks divide 0 by 0, which is NaN. Default 1. */
  readonly smooth?: number | undefined;
}

/**
 * One minus the overlap of masks: 1 - (2 sum p y + smooth) / (sum p + sum y + smooth), p = sigmoid(outputs), sums over all but the first axis.
 * outputs [N, ..] logits, targets [N, ..] in [0, 1]. Source: Milletari et al., arXiv:1606.04797.
 */
export const dice = outputLoss<'float32', DiceOptions>('dice', 'float32', ['smooth', ...OUTPUT_OPTIONS], (outputs, targets, options) => {
  const op = 'dice';
  const { smooth = 1 } = options;
  checkOption(op, 'smooth', smooth, { least: 0 });
  const shares = checkLogits(op, outputs, targets, options);
  const p = sigmoid(outputs) as Floats;
  const axis = outputs.shape.map((_, d) => d).slice(1);
  const over = (x: Tensor): Floats => (axis.length === 0 ? x : sum(x, { axis })) as Floats;
  const overlap = add(mul(over(mul(p, shares)), 2), smooth);
  return reduce(op, sub(1, div(overlap, add(add(over(p), over(shares)), smooth))), options);
});
