import { Running, type AnyMetric } from '../metrics/index.js';
import { LOSS } from './evaluation.js';
import type { EpochRecord, Results } from './events.js';
import type { LayerStatistics } from './inspection.js';
import type { MeasuredBatch } from './step.js';

/** What an epoch has come to: results so far, and how much went into them. */
export class Tally<M extends AnyMetric> {
  readonly epoch: number;
  readonly #running: Running<AnyMetric>;
  readonly #start = performance.now();
  steps = 0;
  examples = 0;
  /** How the layers did when they were last looked at. */
  layers: readonly LayerStatistics[] | undefined;

  constructor(epoch: number, metrics: readonly M[]) {
    this.epoch = epoch;
    this.#running = new Running<AnyMetric>([LOSS, ...metrics]);
  }

  /** Adds the i-th of the steps that ran together, of one or more batches. Its loss, over all of them. */
  add(batches: readonly MeasuredBatch[], i: number): number {
    this.steps++;
    const losses = batches.map(({ measured, row }) => {
      const values = row(i);
      const { count } = measured[0]!;
      const loss = values[0]![0]!;
      const weight = values[0]![1] ?? count;
      values[0] = [loss * weight, weight];
      this.#running.add(measured, values);
      this.examples += count;
      return { loss, weight };
    });
    if (losses.length === 1) return losses[0]!.loss;
    const weight = losses.reduce((sum, one) => sum + one.weight, 0);
    return losses.reduce((sum, one) => sum + one.loss * one.weight, 0) / weight;
  }

  results(): Results<M> {
    return this.#running.results() as Results<M>;
  }

  /** Since the epoch began. */
  get seconds(): number {
    return (performance.now() - this.#start) / 1000;
  }

  record(): EpochRecord<M> {
    const { epoch, steps, examples, seconds, layers } = this;
    const looked = layers === undefined ? {} : { layers };
    return { ...this.results(), epoch, steps, examples, seconds, examplesPerSecond: examples / seconds, ...looked } as unknown as EpochRecord<M>;
  }
}
