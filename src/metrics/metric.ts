import type { Tensor } from '../tensor.js';

/** What a metric makes of one batch: a scalar that sums over what it looks at, and how many that are. */
export interface Measured {
  readonly sum: Tensor;
  readonly count: number;
}

/** A mean over examples, computed batch by batch. Any object of this form is a metric. */
export interface Metric<N extends string = string> {
  /** What results call it. */
  readonly name: N;
  /** It records the same operations in every step, and looks at nothing else: what built-in metrics say of themselves. */
  readonly builtin?: boolean;
  /** Records the sum over a batch: outputs [N, ...], targets [N, ...]. */
  measure(outputs: Tensor, targets: Tensor): Measured;
}
