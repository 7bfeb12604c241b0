import { multiplyHigh, words } from './philox.js';

/** Streams of the shuffles, as ASCII, so that they meet no other use of the same seed. */
const LOADER_STREAM = [0x6c6f6164, 0x73687566] as const; // 'load', 'shuf'
const SPLIT_STREAM = [0x73706c69, 0x73687566] as const; // 'spli', 'shuf'

/** A uniform integer in [0, limit) without bias (Lemire, "Fast random integer generation in an interval", 2019). */
function below(next: () => number, limit: number): number {
  let word = next();
  let low = Math.imul(word, limit) >>> 0;
  if (low < limit) {
    const threshold = (2 ** 32 - limit) % limit;
    while (low < threshold) {
      word = next();
      low = Math.imul(word, limit) >>> 0;
    }
  }
  return multiplyHigh(word, limit);
}

/** Shuffles in place (Fisher and Yates, from the end). */
function shuffle(rows: Int32Array, next: () => number): Int32Array {
  for (let i = rows.length - 1; i > 0; i--) {
    const j = below(next, i + 1);
    const row = rows[i]!;
    rows[i] = rows[j]!;
    rows[j] = row;
  }
  return rows;
}

/** 0, 1, ..., size - 1. */
export function ascending(size: number): Int32Array {
  const rows = new Int32Array(size);
  for (let i = 0; i < size; i++) rows[i] = i;
  return rows;
}

/** The order in which epoch number `epoch` of a loader visits `size` examples. A function of its arguments only, on every platform. */
export function shuffledOrder(size: number, seed: number, epoch: number): Int32Array {
  return shuffle(ascending(size), words(seed, LOADER_STREAM, epoch));
}

/** The order from which a split takes its two parts. */
export function splitOrder(size: number, seed: number): Int32Array {
  return shuffle(ascending(size), words(seed, SPLIT_STREAM, 0));
}
