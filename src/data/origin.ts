import type { Tensor } from '../tensor.js';

/** Where the rows of a batch come from, so that an error found natively while a step runs can name the example. */
export interface Origin {
  readonly dataset: string;
  /** Number of the pass over the data, from 0. */
  readonly epoch: number;
  /** Number of the batch in its epoch, from 0. */
  readonly step: number;
  /** The example's index in the arrays or in the stream that the user handed over. */
  example(row: number): number;
  /** In words, for messages: `example 4211 of dataset 'train' (epoch 2, step 17, row 3 of the batch)`. */
  describe(row: number): string;
}

export function origin(dataset: string, epoch: number, step: number, example: (row: number) => number): Origin {
  return {
    dataset,
    epoch,
    step,
    example,
    describe: (row) => `example ${example(row)} of dataset '${dataset}' (epoch ${epoch}, step ${step}, row ${row} of the batch)`,
  };
}

/** Attaches the origin to a batch tensor as `origin$`, which the engine reads when a row of it is at fault. */
export function withOrigin<T extends Tensor>(tensor: T, from: Origin): T {
  return Object.defineProperty(tensor, 'origin$', { value: from, enumerable: false, configurable: true, writable: true });
}

/** The origin of a batch tensor, or undefined for any other. */
export function originOf(tensor: Tensor): Origin | undefined {
  return (tensor as { origin$?: Origin }).origin$;
}
