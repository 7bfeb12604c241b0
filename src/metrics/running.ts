import { ArgumentError } from '../errors.js';
import { withoutTracking } from '../graph/recorder.js';
import { cast, concat, reshape, sub } from '../ops/index.js';
import type { Tensors } from '../records.js';
import { sizeOf, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { mean } from './accumulators.js';
import { measure } from './field.js';
import type { Accumulator, AccumulatorState, AnyMetric, Measured, ResultsOf } from './metric.js';

/**
 * Metrics over many batches, for training loops written by hand.
 *
 *     const running = metrics.running([metrics.accuracy()]);
 *     for await (const [inputs, labels] of loader) await running.update(noGrad(() => model.forward(inputs)), labels);
 *     const { accuracy } = running.results();
 */
export class Running<M extends AnyMetric = AnyMetric> {
  readonly #metrics: readonly M[];
  #accumulators!: readonly Accumulator<unknown>[];

  constructor(metrics: readonly M[]) {
    this.#metrics = metrics;
    this.reset();
  }

  /** Adds a batch. Resolves when its values are there. */
  async update(outputs: Tensors, targets: Tensors): Promise<void> {
    if (this.#metrics.length === 0) return;
    const measured = withoutTracking(() => this.measure(outputs, targets));
    this.add(measured, parts(measured, await withoutTracking(() => together(measured)).data()));
  }

  /** Records what add() needs of a batch, one Measured a metric. */
  measure(outputs: Tensors, targets: Tensors): Measured[] {
    return this.#metrics.map((metric) => measure(metric, outputs, targets));
  }

  /** Adds what measure() recorded, once the elements of its sums are known. */
  add(measured: readonly Measured[], values: readonly ArrayLike<number>[]): void {
    for (let i = 0; i < measured.length; i++) this.#accumulators[i]!.add(values[i]!, measured[i]!.count);
  }

  /** Of everything that was added; NaN of nothing. */
  results(): ResultsOf<M> {
    const results = this.#metrics.map(({ name }, i) => [name, this.#accumulators[i]!.result()]);
    return Object.fromEntries(results) as ResultsOf<M>;
  }

  /** Returns what is known of the batches so far, by the names of the metrics: the state of each accumulator. Throws ArgumentError for a metric whose accumulator has none. */
  stateDict(): { [name: string]: AccumulatorState } {
    this.checkSavable$();
    return Object.fromEntries(this.#metrics.map(({ name }, i) => [name, this.#accumulators[i]!.stateDict!()]));
  }

  /** Goes on from what stateDict() gave; metrics that it does not know begin anew. */
  loadStateDict(state: { readonly [name: string]: AccumulatorState }): void {
    this.checkSavable$();
    this.reset();
    for (const [i, { name }] of this.#metrics.entries()) if (Object.hasOwn(state, name)) this.#accumulators[i]!.loadStateDict!(state[name]!);
  }

  /** Throws ArgumentError for a metric whose accumulator cannot be saved. */
  checkSavable$(): void {
    for (const [i, { name }] of this.#metrics.entries()) checkSavable(name, this.#accumulators[i]!);
  }

  reset(): void {
    this.#accumulators = this.#metrics.map((metric) => metric.accumulator?.() ?? mean());
  }
}

function checkSavable(name: string, { stateDict, loadStateDict }: Accumulator<unknown>): void {
  if (typeof stateDict === 'function' && typeof loadStateDict === 'function') return;
  throw new ArgumentError(`[checkpoint] metric '${name}': got an accumulator without stateDict() and loadStateDict(), expected both, so that a checkpoint can be written in the middle of an epoch. Add them, or leave the accumulator out, which makes it a mean.`, { op: 'checkpoint' });
}

/** All sums as one tensor, so that one program computes them. Whole numbers take two places: what float32 makes of them, and what that lacks. */
export function together(measured: readonly Measured[]): Tensor<Shape, 'float32'> {
  const flat = measured.flatMap(({ sum }) => {
    const elements = reshape(sum, [sizeOf(sum.shape)]) as Tensor;
    const rounded = cast(elements, 'float32') as Tensor<Shape, 'float32'>;
    return sum.dtype === 'int32' ? [rounded, cast(sub(elements, cast(rounded, 'int32')), 'float32') as Tensor<Shape, 'float32'>] : [rounded];
  });
  return flat.length === 1 ? flat[0]! : (concat(flat) as Tensor<Shape, 'float32'>);
}

/** The elements of each sum, of all sums together. */
export function parts(measured: readonly Measured[], all: Float32Array): ArrayLike<number>[] {
  let at = 0;
  return measured.map(({ sum }) => {
    const size = sizeOf(sum.shape);
    const rounded = all.subarray(at, (at += size));
    return sum.dtype === 'int32' ? Float64Array.from(rounded, (value) => value + all[at++]!) : rounded;
  });
}

/** See Running. */
export function running<const M extends AnyMetric>(metrics: readonly M[]): Running<M> {
  return new Running(metrics);
}
