import type { DType } from '../dtype.js';
import { ArgumentError } from '../errors.js';
import { cast, div, maximum } from '../ops/index.js';
import { ctc as ctcOp } from '../ops/ctc.js';
import { checkOptions } from '../options.js';
import type { Shape } from '../shape.js';
import type { Indices } from '../shape-types.js';
import type { Tensor } from '../tensor.js';
import { checkTensors } from './check.js';
import { checkProducer, NO_SOFTMAX, OUTPUT_OPTIONS, type OutputOptions } from './output-activation.js';
import { reduce, REDUCTION, type Reduced, type Reduction, type ReductionOptions } from './reduction.js';

export interface CtcOptions<R extends Reduction = Reduction> extends ReductionOptions<R>, OutputOptions {
  /** The class that stands for no label. Default 0. */
  readonly blank?: number | undefined;
  /** Makes infinite losses, of targets that need more steps than there are, and their gradients 0. Default false. */
  readonly zeroInfinity?: boolean | undefined;
}

/** After logSoftmax nothing changes: it is its own softmax. Torch's users have it there. */
const { logSoftmax: _, ...REFUSED } = NO_SOFTMAX;

/**
 * Connectionist temporal classification: the negative log likelihood of a sequence of labels under every alignment with the steps, where
 * each step draws a class of softmax(logits), repeats count once and blanks not at all.
 * logits [N, T, C] float32, of which example n has inputLengths[n] steps; targets [N, S] int32 in [0, C) without blanks, of which it has
 * targetLengths[n]; both lengths [N] int32. Returns [], or [N] with reduction 'none'. 'mean' divides each loss by its number of labels
 * first. A target with more labels and repeats than steps has the loss infinity, and NaN as its gradient: see zeroInfinity.
 * Throws ShapeError, DTypeError, ArgumentError here; IndexError when the step runs and a label or a length is out of range.
 * Values and gradients match torch.nn.functional.ctc_loss(log_softmax(logits)), with two differences: the batch is in front here, as
 * everywhere (torch's [T, N, C] becomes [N, T, C] by transpose(0, 1), without a copy), and softmax is part of the loss, as in
 * crossEntropy; logarithms of probabilities may be given too, since their softmax changes nothing.
 * Source: Graves et al., 2006, doi:10.1145/1143844.1143891.
 */
export function ctc<R extends Reduction = 'mean', T extends DType = DType, I extends DType = DType, L extends DType = DType>(
  logits: Tensor,
  targets: Tensor<Shape, T> & Indices<'ctc', 'targets', T>,
  inputLengths: Tensor<Shape, I> & Indices<'ctc', 'inputLengths', I>,
  targetLengths: Tensor<Shape, L> & Indices<'ctc', 'targetLengths', L>,
  options: CtcOptions<R> = {},
): Tensor<Reduced<R>, 'float32'> {
  const op = 'ctc';
  checkOptions(op, options, [...REDUCTION, 'blank', 'zeroInfinity', ...OUTPUT_OPTIONS]);
  checkTensors(op, { logits, targets, inputLengths, targetLengths });
  const { blank = 0, zeroInfinity = false, reduction = 'mean' } = options;
  const C = logits.shape[logits.shape.length - 1] ?? 0;
  if (!Number.isInteger(blank) || blank < 0 || blank >= C) {
    throw new ArgumentError(`[${op}] blank: got ${String(blank)}, expected a class: a whole number in [0, ${C}).`, { op, shapes: [logits.shape] });
  }
  checkProducer(op, logits, 'logits, scores of any size', REFUSED, options);
  const losses = ctcOp(logits, targets, inputLengths, targetLengths, { blank, zeroInfinity: Boolean(zeroInfinity) });
  const each = reduction === 'mean' ? div(losses, cast(maximum(targetLengths as Tensor<Shape, 'int32'>, 1), 'float32')) : losses;
  return reduce(op, each, options) as Tensor<Reduced<R>, 'float32'>;
}
