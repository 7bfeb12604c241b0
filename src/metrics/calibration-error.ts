import { activationOf } from '../losses/output-activation.js';
import { cast, concat, max, maximum, reshape, sigmoid, softmax, sub, where } from '../ops/index.js';
import { checkOptions } from '../options.js';
import type { Tensor } from '../tensor.js';
import { CalibrationSums, checkBins, type BinsOption } from './calibration.js';
import { classesOf, hits, isSingle, rowsOf, type DecisionOptions } from './decisions.js';
import type { Metric, NameOption } from './metric.js';

export type CalibrationErrorOptions<N extends string = 'calibrationError'> = Pick<DecisionOptions, 'axis' | 'ignoreIndex'> & BinsOption & NameOption<N>;

/**
 * The expected calibration error: how far the probability of the predicted class is from the share of examples that are of it, in the mean over examples, which are sorted by that probability into `bins` parts of [0, 1]. 0 to 1; NaN of none.
 * outputs [..., C] are logits, or probabilities where the outputs come from softmax or a sigmoid; targets as in accuracy(). Exact over all batches together.
 *
 *     const judged = new Trainer(model, { loss: losses.crossEntropy, optimizer, metrics: [metrics.accuracy(), metrics.calibrationError()] });
 *
 * Throws as accuracy(). As torchmetrics.CalibrationError(n_bins=15, norm='l1'). Source: Guo et al., arXiv:1706.04599.
 */
export function calibrationError<const N extends string = 'calibrationError'>(options: CalibrationErrorOptions<N> = {}): Metric<N> {
  const op = 'calibrationError';
  checkOptions(`metrics.${op}`, options, ['bins', 'axis', 'ignoreIndex', 'name']);
  const bins = checkBins(`metrics.${op}`, options.bins ?? 15);
  return {
    name: options.name ?? (op as N),
    builtin: true,
    mode: 'min',
    measure(outputs, targets) {
      const decisions = classesOf(op, outputs, targets, options);
      const { decided, looked, count } = decisions;
      const confidence = where(decided, confidencesOf(outputs, targets, options.axis ?? -1), NaN) as Tensor;
      // Those that are not looked at have no confidence.
      const known = looked === undefined ? confidence : (where(looked, confidence, -1) as Tensor);
      const column = (values: Tensor): Tensor => reshape(values, [count, 1]) as Tensor;
      return { sum: concat([column(known), column(cast(hits(decisions), 'float32') as Tensor)], 1), count };
    },
    accumulator() {
      const sums = new CalibrationSums(bins);
      return {
        add(values) {
          for (let i = 0; i < values.length; i += 2) if (values[i] !== -1) sums.add(values[i]!, values[i + 1]!);
        },
        result: () => sums.curve().error,
      };
    },
  };
}

/** The probability of the predicted class of each example, [M]. */
function confidencesOf(outputs: Tensor, targets: Tensor, axis: number): Tensor {
  const activation = activationOf(outputs);
  if (targets.dtype === 'float32' && isSingle(outputs.shape)) {
    const yes = reshape(activation === 'sigmoid' ? outputs : sigmoid(outputs), [-1]) as Tensor;
    return maximum(yes, sub(1, yes)) as Tensor;
  }
  const rows = rowsOf(outputs, axis);
  return max(activation === 'softmax' || activation === 'sigmoid' ? rows : softmax(rows), { axis: 1 }) as Tensor;
}
