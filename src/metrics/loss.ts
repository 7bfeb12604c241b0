import { isBuiltin, type Loss } from '../losses/loss.js';
import { mul } from '../ops/index.js';
import type { Metric } from './metric.js';

/**
 * A loss as a metric: its mean over all examples, where each batch weighs as much as it has examples. For a loss that is the
 * mean over its batch, as losses are by default.
 *
 *     metrics: [metrics.loss(losses.meanSquaredError, 'error')]
 */
export function loss<const N extends string>(of: Loss, name: N): Metric<N> {
  return {
    name,
    builtin: isBuiltin(of),
    mode: 'min',
    measure(outputs, targets) {
      const count = outputs.shape[0] ?? 1;
      return { sum: mul(of(outputs, targets), count), count };
    },
  };
}
