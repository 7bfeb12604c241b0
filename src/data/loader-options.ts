import { describeValue } from '../describe-value.js';
import { ArgumentError } from '../errors.js';
import { checkFlags } from '../options.js';
import type { LoaderSetup } from './position.js';
import { checkSeed } from './seed.js';

const OP = 'data.loader';

export interface LoaderOptions {
  /** Examples in a batch. Default 1. */
  readonly batchSize?: number | undefined;
  /** Another order in every epoch. Default false. */
  readonly shuffle?: boolean | undefined;
  /** The order is a function of (seed, epoch) and the number of examples only, the same on every platform. Default 0. */
  readonly seed?: number | undefined;
  /** Leaves out the last batch where it is smaller than the others; of padded data with buckets, the last one of each. Default false. */
  readonly dropLast?: boolean | undefined;
}

/** The setup of a loader over so many examples. Throws ArgumentError. */
export function setupOf(options: LoaderOptions, size: number): LoaderSetup {
  checkFlags(OP, options, ['shuffle', 'dropLast']);
  const { batchSize = 1, shuffle = false, seed = 0, dropLast = false } = options;
  checkBatchSize(batchSize);
  checkSeed(OP, seed);
  return { batchSize, shuffle, seed, dropLast, size };
}

/** Throws ArgumentError where dropLast leaves nothing. */
export function checkWhole(whole: number, { batchSize, dropLast, size }: LoaderSetup, name: string): void {
  if (!dropLast || whole > 0) return;
  throw new ArgumentError(`[${OP}] batchSize ${batchSize} with dropLast leaves no batch of the ${size} examples of dataset '${name}'. Take a smaller batchSize, or dropLast: false.`, { op: OP });
}

export function checkBatchSize(batchSize: number, op = OP): void {
  if (Number.isSafeInteger(batchSize) && batchSize >= 1) return;
  throw new ArgumentError(`[${op}] batchSize: got ${describeValue(batchSize)}, expected an integer of at least 1.`, { op });
}

/** Batches that are prepared while a step runs: 0, 1 or 2. */
export type Prefetched = 0 | 1 | 2;

export function checkPrefetch(prefetch: number): void {
  if (![0, 1, 2].includes(prefetch)) throw new ArgumentError(`[${OP}] prefetch: got ${describeValue(prefetch)}, expected 0, 1 or 2.`, { op: OP });
}

/** Throws ArgumentError for an epoch that there cannot be. */
export function checkEpoch(epoch: number): void {
  if (!Number.isSafeInteger(epoch) || epoch < 0) throw new ArgumentError(`[${OP}] epoch: got ${describeValue(epoch)}, expected an integer of at least 0.`, { op: OP });
}
