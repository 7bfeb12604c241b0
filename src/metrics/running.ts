import { composing } from '../graph/recorder.js';
import { reshape, stack } from '../ops/index.js';
import type { Tensor } from '../tensor.js';
import type { Measured, Metric } from './metric.js';

/**
 * Metrics over many batches, for training loops written by hand.
 *
 *     const running = metrics.running([metrics.accuracy()]);
 *     for await (const [inputs, labels] of loader) await running.update(noGrad(() => model.forward(inputs)), labels);
 *     const { accuracy } = running.results();
 */
export class Running<N extends string = string> {
  readonly #metrics: readonly Metric<N>[];
  readonly #sums: Float64Array;
  readonly #counts: Float64Array;

  constructor(metrics: readonly Metric<N>[]) {
    this.#metrics = metrics;
    this.#sums = new Float64Array(metrics.length);
    this.#counts = new Float64Array(metrics.length);
  }

  /** Adds a batch. Resolves when its values are there. */
  async update(outputs: Tensor, targets: Tensor): Promise<void> {
    if (this.#metrics.length === 0) return;
    const { measured, sums } = composing(() => this.together(outputs, targets));
    this.add(measured, await sums.data());
  }

  /** measure(), and all sums as one tensor, so that one program computes them. */
  together(outputs: Tensor, targets: Tensor): { readonly measured: readonly Measured[]; readonly sums: Tensor } {
    const measured = this.measure(outputs, targets);
    return { measured, sums: stack(measured.map(({ sum }) => reshape(sum, []))) };
  }

  /** Records what add() needs of a batch, one Measured a metric. */
  measure(outputs: Tensor, targets: Tensor): Measured[] {
    return this.#metrics.map((metric) => metric.measure(outputs, targets));
  }

  /** Adds what measure() recorded, once its sums are known. */
  add(measured: readonly Measured[], sums: ArrayLike<number>): void {
    for (let i = 0; i < measured.length; i++) {
      this.#sums[i]! += sums[i]!;
      this.#counts[i]! += measured[i]!.count;
    }
  }

  /** The mean over everything that was added; NaN of nothing. */
  results(): { readonly [K in N]: number } {
    const means = this.#metrics.map(({ name }, i) => [name, this.#sums[i]! / this.#counts[i]!]);
    return Object.fromEntries(means) as { readonly [K in N]: number };
  }

  reset(): void {
    this.#sums.fill(0);
    this.#counts.fill(0);
  }
}

/** See Running. */
export function running<const N extends string>(metrics: readonly Metric<N>[]): Running<N> {
  return new Running(metrics);
}
