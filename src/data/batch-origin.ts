import type { Tensor } from '../tensor.js';

/** Origin of the rows of a batch, so that an error found natively while a step runs can name the example. */
export class BatchOrigin {
  readonly dataset: string;
  /** Number of the pass over the data, from 0. */
  readonly epoch: number;
  /** Number of the batch in its epoch, from 0. */
  readonly step: number;
  /** The examples of the batch, or the first of them where they follow each other. */
  readonly #examples: Int32Array | number;
  /** Of the batch; its examples are followed by those of the next one where several batches are one tensor. */
  readonly #size: number;

  constructor(dataset: string, epoch: number, step: number, examples: Int32Array | number, size = 0) {
    this.dataset = dataset;
    this.epoch = epoch;
    this.step = step;
    this.#examples = examples;
    this.#size = size;
  }

  /** The origin of rows that stand beside these in the batch. */
  beside(examples: Int32Array): BatchOrigin {
    return new BatchOrigin(this.dataset, this.epoch, this.step, examples, this.#size);
  }

  /** The index of a row's example in the arrays, or in the stream, that the user handed over. */
  example(row: number): number {
    return typeof this.#examples === 'number' ? this.#examples + row : this.#examples[row]!;
  }

  /** In words, for messages: a row of the batch, or of one that many batches further on. */
  describe(row: number, further = 0): string {
    const example = this.example(further * this.#size + row);
    return `example ${example} of dataset '${this.dataset}' (epoch ${this.epoch}, step ${this.step + further}, row ${row} of the batch)`;
  }
}

/** Attaches the origin to a batch tensor, where the engine looks when a row of it is at fault. */
export function withOrigin<T extends Tensor>(tensor: T, origin: BatchOrigin): T {
  tensor.origin$ = origin;
  return tensor;
}

/** The origin of a batch tensor, or undefined for any other. */
export function originOf(tensor: Tensor | undefined): BatchOrigin | undefined {
  return tensor?.origin$ as BatchOrigin | undefined;
}
