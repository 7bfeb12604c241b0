// Losses of class indices, int32, besides crossEntropy: outputs [.., C] float32 and labels [..] in [0, C).
import { ArgumentError } from '../errors.js';
import { clamp, mul, neg, pick, sub, sum, unsqueeze } from '../ops/index.js';
import type { Tensor } from '../tensor.js';
import { checkClasses } from './check.js';
import { CLASS_OPTIONS, weigh, type ClassOptions } from './classes.js';
import { outputLoss } from './loss.js';
import { reduce } from './reduction.js';

/**
 * The negative log likelihood of logarithms of probabilities: L = -outputs[n, labels[n]]. After nn.logSoftmax() it is the cross-entropy;
 * losses.crossEntropy does both at once, and faster. Matches torch.nn.functional.nll_loss, but for the class axis, which is the last one.
 * Throws IndexError when the step runs and a label is out of range.
 */
export const negativeLogLikelihood = outputLoss<'int32', ClassOptions>('negativeLogLikelihood', 'int32', CLASS_OPTIONS, (outputs, labels, options) => {
  const op = 'negativeLogLikelihood';
  checkClasses(op, outputs, labels);
  const weighed = weigh(op, labels, outputs.shape.at(-1)!, options);
  return reduce(op, neg(pick(outputs, weighed.labels)), weighed.options);
});

export interface MultiMarginOptions {
  /** How much higher than the others the right class's score has to be. Default 1. */
  readonly margin?: number;
  /** 1, or 2 for the square. Default 1. */
  readonly power?: 1 | 2;
}

/**
 * The hinge loss of several classes: L = 1/C sum over c != y of max(0, margin - x[y] + x[c])^power. Outputs are scores.
 * Matches torch.nn.functional.multi_margin_loss without its weight (`power` is its p).
 */
export const multiMargin = outputLoss<'int32', MultiMarginOptions>('multiMargin', 'int32', ['margin', 'power'], (outputs, labels, options) => {
  const op = 'multiMargin';
  const { margin = 1, power = 1 } = options;
  if (power !== 1 && power !== 2) throw new ArgumentError(`[${op}] power: got ${String(power)}, expected 1 or 2.`, { op });
  checkClasses(op, outputs, labels);
  const short = clamp(sub(outputs, sub(unsqueeze(pick(outputs, labels), -1), margin)), 0);
  const each = power === 1 ? short : mul(short, short);
  // The right class itself is in the sum, short of the whole margin.
  const own = Math.max(0, margin) ** power;
  const total = sum(each, { axis: -1 }) as Tensor<readonly number[], 'float32'>;
  return reduce(op, mul(sub(total, own), 1 / outputs.shape.at(-1)!), options);
});
