import type { Tensor } from '../tensor.js';

/** Results of a metric for one batch. */
export interface Measured {
  /**
   * Sum that the batch adds: a scalar that sums over what a mean looks at, or two numbers, that sum and what it is to be divided by in place of the
   * count; for another accumulator as many numbers as that takes. float32, which has whole numbers up to 2^24 exactly, or int32.
   */
  readonly sum: Tensor;
  /** Number of examples, or elements. */
  readonly count: number;
}

/** Results of all batches so far. */
export interface Accumulator<R = number> {
  /** Takes a batch: the elements of its `sum`, row-major, which are this call's only, and its `count`. */
  add(values: ArrayLike<number>, count: number): void;
  /** Of all batches together; NaN of none. */
  result(): R;
  /** Everything that it knows of the batches so far, so that checkpoints can be written in the middle of an epoch: numbers, texts, typed arrays, and objects of them. */
  stateDict?(): AccumulatorState;
  /** Goes on from what stateDict() gave. */
  loadStateDict?(state: AccumulatorState): void;
}

/** State of an accumulator by name. */
export interface AccumulatorState {
  readonly [name: string]: unknown;
}

/**
 * Something that is computed over many batches, each of which adds to a state. Any object of this form is a metric; without an
 * `accumulator` it is the mean, the sum of all sums divided by the sum of all counts.
 *
 *     const bias: metrics.Metric<'bias'> = {
 *       name: 'bias',
 *       measure: (outputs, targets) => ({ sum: outputs.sub(targets).sum(), count: outputs.shape[0]! }),
 *     };
 */
export interface Metric<N extends string = string, R = number> {
  /** Name of it in results. */
  readonly name: N;
  /** It records the same operations in every step, and looks at nothing else: what built-in metrics say of themselves. */
  readonly builtin?: boolean | undefined;
  /** Direction that is better, for the choice of the best epoch. */
  readonly mode?: 'min' | 'max' | undefined;
  /** Records what a batch adds: outputs [N, ...], targets [N, ...]. */
  measure(outputs: Tensor, targets: Tensor): Measured;
  /** A state that knows of no batch yet. */
  readonly accumulator?: (() => Accumulator<R>) | undefined;
}

/** A metric of any name and result. */
export type AnyMetric = Metric<string, unknown>;

/** Type of a metric's result: a number, unless its accumulator says otherwise. */
export type ResultOf<M extends AnyMetric> = 'accumulator' extends keyof M
  ? M extends { readonly accumulator?: (() => Accumulator<infer R>) | undefined }
    ? R
    : number
  : number;

/** The results of metrics, by name. */
export type ResultsOf<M extends AnyMetric> = { readonly [K in M as K['name']]: ResultOf<K> };

/** Options of built-in metrics besides their own. */
export interface NameOption<N extends string> {
  /** Name of it in results, where its own name will not do: for two of a kind, say. */
  readonly name?: N | undefined;
}
