import { meanOfMeans } from '../metrics/accumulators.js';
import { Running, type AnyMetric } from '../metrics/index.js';
import { LOSS } from './evaluation.js';
import type { EpochRecord, Results } from './events.js';
import type { LayerStatistics } from './inspection.js';
import type { MeasuredBatch } from './step.js';

/** Accumulator of an epoch: results so far, and how much went into them. */
export class EpochAccumulator<M extends AnyMetric> {
  readonly epoch: number;
  readonly #running: Running<AnyMetric>;
  readonly #start = performance.now();
  steps = 0;
  examples = 0;
  /** Statistics of the layers when they were last looked at. */
  layers: readonly LayerStatistics[] | undefined;

  constructor(epoch: number, metrics: readonly M[]) {
    this.epoch = epoch;
    this.#running = new Running<AnyMetric>([LOSS, ...metrics]);
  }

  /** Adds the i-th of the steps that ran together, of one or more batches. Its loss, over all of them; NaN where nothing counts in it. */
  add(batches: readonly MeasuredBatch[], i: number): number {
    this.steps++;
    const mean = batches.length === 1 ? undefined : meanOfMeans();
    let loss = NaN;
    for (const { measured, examples, row } of batches) {
      const values = row(i);
      const { 0: own, 1: divisor = measured[0]!.count } = values[0]!;
      this.#running.add(measured, values);
      this.examples += examples;
      mean?.add(values[0]!, divisor);
      if (divisor !== 0) loss = own!;
    }
    return mean === undefined ? loss : mean.result();
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
