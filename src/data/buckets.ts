import { ArgumentError } from '../errors.js';
import { describeList } from '../describe-value.js';

/** Throws ArgumentError unless these are lengths that grow, at least one. */
export function checkBuckets(op: string, buckets: unknown): void {
  if (buckets === undefined) return;
  const fine = Array.isArray(buckets) && buckets.length > 0 && buckets.every((length, i) => Number.isSafeInteger(length) && length > (i === 0 ? 0 : (buckets[i - 1] as number)));
  if (!fine) throw new ArgumentError(`[${op}] buckets: got ${describeList(buckets)}, expected lengths that grow, integers of at least 1, as in { buckets: [16, 32, 64] }.`, { op });
}

/** The smallest bucket that holds a sequence of this length; the length itself where there are no buckets. */
export function bucketFor(length: number, buckets: readonly number[] | undefined): number {
  return buckets?.find((bucket) => length <= bucket) ?? length;
}

/** The examples of an epoch in batches of one bucket each. */
export interface BucketedOrder {
  /** Positions in the order in which they are visited: full batches as they become so, then the others, those of smaller buckets first. */
  readonly order: Int32Array;
  /** Place in the order at which each batch begins, and the end of the last; the same for any order of the same examples. */
  readonly starts: Int32Array;
  /** Number of batches that are full; they come first. */
  readonly full: number;
}

/** Collects positions, in their order, into batches of one bucket; `bucketOf` has the bucket of each position. */
export function bucketedOrder(positions: Int32Array, bucketOf: Int32Array, batchSize: number): BucketedOrder {
  const waiting = new Map<number, number[]>();
  const order = new Int32Array(positions.length);
  const starts = [0];
  const put = (batch: readonly number[]): void => {
    order.set(batch, starts.at(-1));
    starts.push(starts.at(-1)! + batch.length);
  };
  for (const position of positions) {
    const bucket = bucketOf[position]!;
    const batch = waiting.get(bucket) ?? [];
    batch.push(position);
    waiting.set(bucket, batch.length === batchSize ? [] : batch);
    if (batch.length === batchSize) put(batch);
  }
  const full = starts.length - 1;
  for (const [, batch] of [...waiting].toSorted(([a], [b]) => a - b)) if (batch.length > 0) put(batch);
  return { order, starts: Int32Array.from(starts), full };
}
