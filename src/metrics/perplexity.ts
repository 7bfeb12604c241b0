import { checkProducer, NO_SOFTMAX } from '../losses/output-activation.js';
import { cast, crossEntropy, stack, sum, where } from '../ops/index.js';
import { checkOptions } from '../options.js';
import type { Tensor } from '../tensor.js';
import { mean } from './accumulators.js';
import { labelledRows } from './decisions.js';
import type { Metric, NameOption } from './metric.js';

/** After logSoftmax nothing changes: it is its own softmax. */
const { logSoftmax: _, ...REFUSED } = NO_SOFTMAX;

export interface PerplexityOptions<N extends string> extends NameOption<N> {
  /** The axis of the classes. Default -1, the last. */
  readonly axis?: number | undefined;
  /** Labels that are not looked at, such as those of padding. Default: none. */
  readonly ignoreIndex?: number | undefined;
}

/**
 * e to the power of the mean cross-entropy over all labels of all batches: among how many classes the model is undecided, on
 * average. outputs [..., C] are logits, labels [...] int32. NaN of nothing.
 * Throws ShapeError, DTypeError, ArgumentError where outputs come from softmax or sigmoid; IndexError when the step runs and a label is out of range.
 */
export function perplexity<const N extends string = 'perplexity'>(options: PerplexityOptions<N> = {}): Metric<N> {
  const op = 'perplexity';
  checkOptions(`metrics.${op}`, options, ['axis', 'ignoreIndex', 'name']);
  return {
    name: options.name ?? (op as N),
    builtin: true,
    mode: 'min',
    measure(outputs, targets) {
      checkProducer(op, outputs, 'logits, scores of any size', REFUSED, {});
      const { rows, labels, looked } = labelledRows(op, outputs, targets, options);
      const nats = crossEntropy(rows, labels);
      const count = labels.shape[0]!;
      if (looked === undefined) return { sum: sum(nats), count };
      return { sum: stack([sum(where(looked, nats, 0)), sum(cast(looked, 'float32'))] as Tensor[]), count };
    },
    accumulator: () => mean(Math.exp),
  };
}
