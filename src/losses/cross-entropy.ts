import type { DType } from '../dtype.js';
import { ArgumentError } from '../errors.js';
import { crossEntropy as crossEntropyOp, mul } from '../ops/index.js';
import { resolveAxis } from '../ops/check.js';
import type { ClassTargets } from '../ops/class-targets.js';
import { sameShape, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { CLASS_OPTIONS, reduceClasses, type ClassOptions } from './classes.js';
import { NOT_NEGATIVE, within } from './domain.js';
import { outputLoss, type BuiltinLoss, type ConfiguredLoss } from './loss.js';
import { checkProducer, NO_SOFTMAX, OUTPUT_OPTIONS, type OutputOptions } from './output-activation.js';
import { reduce, type Reduced, type Reduction, type ReductionOptions } from './reduction.js';

interface Options extends ClassOptions, OutputOptions {
  /** The axis of the classes. Default -1; torch's is 1. */
  readonly axis?: number | undefined;
  /** The share of each target that goes to all classes alike, in [0, 1]. Default 0. Source: Szegedy et al., arXiv:1512.00567. */
  readonly labelSmoothing?: number | undefined;
}

export interface CrossEntropyOptions<R extends Reduction = Reduction> extends Options, ReductionOptions<R> {}

/** See crossEntropy. */
export interface CrossEntropy extends BuiltinLoss<'int32' | 'float32'> {
  <R extends Reduction = 'mean', L extends Shape = Shape, T extends Shape = Shape, D extends DType = DType>(
    logits: Tensor<L>,
    targets: Tensor<T, D> & ClassTargets<L, T, D>,
    options?: CrossEntropyOptions<R>,
  ): Tensor<Reduced<R>, 'float32'>;
  /** The loss with options given beforehand: `new Trainer(model, { loss: losses.crossEntropy.with({ labelSmoothing: 0.1 }), optimizer })`. */
  with(options: Options & { readonly reduction?: 'mean' | 'sum' }): ConfiguredLoss<'int32' | 'float32'>;
}

/** Of each example. */
function entropies(logits: Tensor, labels: Tensor, { axis = -1, labelSmoothing = 0 }: Options, classWeights?: Tensor): Tensor {
  return crossEntropyOp(logits, labels, { axis, labelSmoothing, ...(classWeights && { classWeights }) });
}

function compute(logits: Tensor, targets: Tensor, options: Options & ReductionOptions): Tensor {
  const op = 'crossEntropy';
  const { axis = -1, labelSmoothing = 0, classWeights } = options;
  checkProducer(op, logits, 'logits, scores of any size', NO_SOFTMAX, options);
  if (targets.dtype === 'float32') {
    if (options.ignoreIndex === undefined) return reduce(op, entropies(logits, within(op, targets, NOT_NEGATIVE), options, classWeights), options);
    // Of another shape they are no probabilities, which the op says.
    if (!sameShape(targets.shape, logits.shape)) entropies(logits, targets, options, classWeights);
    throw new ArgumentError(`[${op}] ignoreIndex beside probabilities: got ${options.ignoreIndex}, expected class indices. Leave it out, and give such examples the weight 0: { weights }.`, { op });
  }
  const C = logits.shape.length === 0 ? 0 : logits.shape[resolveAxis(op, axis, logits.shape)]!;
  return reduceClasses(op, targets, C, options, (labels, counts) => {
    // Smoothing gives other classes than the label's a share, whose weights only the kernel sees.
    if (labelSmoothing !== 0) return entropies(logits, labels, options, classWeights);
    return counts === undefined ? entropies(logits, labels, options) : mul(entropies(logits, labels, options), counts);
  });
}

/**
 * Softmax cross-entropy, in nats. Of class indices L = -1/N sum_n log softmax(logits[n])[labels[n]]; of targets that are probabilities
 * L = -1/N sum_n sum_c targets[n, c] log softmax(logits[n])[c].
 * logits [N, C] float32; labels [N] int32 in [0, C), or probabilities [N, C] float32; or all with further dimensions: [..., C] and
 * [...]. Returns [], or [...] with reduction 'none'. Stable at large logits; a class without probability may have the logit -infinity.
 * With labelSmoothing s a target t becomes (1 - s) t + s / C. With classWeights w the terms of class c are multiplied by w[c], and
 * the mean over class indices is divided by the sum of the labels' weights, that over probabilities by their number, as in torch.
 * Throws ShapeError, DTypeError, and ArgumentError where logits come from softmax or sigmoid; IndexError when the step runs and a
 * label is out of range.
 * Matches torch.nn.functional.cross_entropy, but for the class axis, which is the last one here (the second there): see `axis`.
 *
 *     const loss = losses.crossEntropy(model.forward(inputs), labels);
 */
export const crossEntropy: CrossEntropy = outputLoss<'int32', Options>(
  'crossEntropy',
  'int32',
  ['axis', 'labelSmoothing', ...CLASS_OPTIONS, ...OUTPUT_OPTIONS],
  compute,
) as unknown as CrossEntropy;
