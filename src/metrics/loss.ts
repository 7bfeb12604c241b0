import { isBuiltin, type Loss } from '../losses/loss.js';
import { mul, reshape, stack } from '../ops/index.js';
import { lossOf } from './batch-loss.js';
import type { Metric } from './metric.js';

/**
 * A loss as a metric: its mean over all batches, each of which counts by what its own mean was divided by: for a loss of this library the
 * elements, labels or weights that it looks at, for a loss of your own the examples. NaN of nothing.
 * Throws ArgumentError for a loss that is a sum.
 *
 *     new Trainer(model, { loss: losses.huber, optimizer, metrics: [metrics.loss(losses.meanSquaredError, 'error')] });
 */
export function loss<const N extends string>(of: Loss, name: N): Metric<N> {
  return {
    name,
    builtin: isBuiltin(of),
    mode: 'min',
    measure(outputs, targets) {
      const { loss: mean, divisor } = lossOf('metrics.loss', of, outputs, targets, undefined);
      if (typeof divisor === 'number') return { sum: mul(mean, divisor), count: divisor };
      return { sum: stack([reshape(mul(mean, divisor), []), divisor]), count: outputs.shape[0] ?? 1 };
    },
  };
}
