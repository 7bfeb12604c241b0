// Losses of class indices, int32, besides crossEntropy: outputs [.., C] float32 and labels [..] in [0, C).
import { ArgumentError } from '../errors.js';
import { checkClassWeights } from '../ops/class-targets.js';
import { add, clamp, gather, mul, neg, oneHot, sub, sum, unsqueeze, where } from '../ops/index.js';
import { takeAlongAxis } from '../ops/take-along-axis.js';
import type { Tensor } from '../tensor.js';
import { checkClasses, checkOption } from './check.js';
import { CLASS_OPTIONS, reduceClasses, type ClassOptions } from './classes.js';
import { outputLoss } from './loss.js';
import { checkProducer, LOGARITHMS, OUTPUT_OPTIONS, type OutputOptions } from './output-activation.js';
import { reduce } from './reduction.js';

/**
 * The negative log likelihood of logarithms of probabilities: L = -outputs[n, labels[n]]. After nn.logSoftmax() it is the cross-entropy;
 * losses.crossEntropy does both at once, and faster. Matches torch.nn.functional.nll_loss, but for the class axis, which is the last one.
 * Throws IndexError when the step runs and a label is out of range.
 */
export const negativeLogLikelihood = outputLoss<'int32', ClassOptions & OutputOptions>('negativeLogLikelihood', 'int32', [...CLASS_OPTIONS, ...OUTPUT_OPTIONS], (outputs, labels, options) => {
  const op = 'negativeLogLikelihood';
  checkClasses(op, outputs, labels);
  checkProducer(op, outputs, 'logarithms of probabilities', LOGARITHMS, options);
  return reduceClasses(op, labels, outputs.shape.at(-1)!, options, (kept, counts) => {
    const likelihoods = neg(takeAlongAxis(outputs, kept as Tensor<readonly number[], 'int32'>));
    return counts === undefined ? likelihoods : mul(likelihoods, counts);
  });
});

export interface MultiMarginOptions {
  /** Margin by which the right class's score has to exceed the others. Default 1. */
  readonly margin?: number | undefined;
  /** 1, or 2 for the square. Default 1. */
  readonly power?: 1 | 2 | undefined;
  /** Weight of each class as the right one: float32 [C]. The mean is over all examples, as in torch. */
  readonly classWeights?: Tensor | undefined;
}

/**
 * The hinge loss of several classes: L = 1/C sum over c != y of max(0, margin - x[y] + x[c])^power. Outputs are scores.
 * Matches torch.nn.functional.multi_margin_loss (`power` is its p).
 */
export const multiMargin = outputLoss<'int32', MultiMarginOptions>('multiMargin', 'int32', ['margin', 'power', 'classWeights'], (outputs, labels, options) => {
  const op = 'multiMargin';
  const { margin = 1, power = 1, classWeights } = options;
  if (power !== 1 && power !== 2) throw new ArgumentError(`[${op}] power: got ${String(power)}, expected 1 or 2.`, { op });
  checkOption(op, 'margin', margin);
  checkClasses(op, outputs, labels);
  const C = outputs.shape.at(-1)!;
  // The difference first: beside scores of 1e8 a margin of 1 is nothing.
  const short = clamp(add(sub(outputs, unsqueeze(takeAlongAxis(outputs, labels), -1)), margin), 0) as Tensor;
  const others = where(oneHot(labels as Tensor<readonly number[], 'int32'>, C) as Tensor, 0, power === 1 ? short : mul(short, short));
  const losses = mul(sum(others, { axis: -1 }) as Tensor<readonly number[], 'float32'>, 1 / C);
  if (classWeights === undefined) return reduce(op, losses, options);
  return reduce(op, mul(losses, gather(checkClassWeights(op, classWeights, C), labels as Tensor<readonly number[], 'int32'>) as typeof losses), options);
});
