import { engine } from '../graph/engine.js';

/** Streams of the shuffles, as ASCII, so that they meet no other use of the same seed. */
const LOADER_STREAM = [0x6c6f6164, 0x73687566] as const; // 'load', 'shuf'
const SPLIT_STREAM = [0x73706c69, 0x73687566] as const; // 'spli', 'shuf'

/** Shuffled natively: a program's first epoch would wait for a loop in JavaScript that is not compiled yet. */
function shuffled(size: number, seed: number, stream: readonly [number, number], counter: number): Int32Array {
  return engine().permutation(size, Uint32Array.of(seed, Math.floor(seed / 2 ** 32), ...stream, counter));
}

/** 0, 1, ..., size - 1. */
export function ascending(size: number): Int32Array {
  const rows = new Int32Array(size);
  for (let i = 0; i < size; i++) rows[i] = i;
  return rows;
}

/** The order in which epoch number `epoch` of a loader visits `size` examples. A function of its arguments only, on every platform. */
export function shuffledOrder(size: number, seed: number, epoch: number): Int32Array {
  return shuffled(size, seed, LOADER_STREAM, epoch);
}

/** The order of one of the blocks of windows of a text, each of `size`, in epoch number `epoch`. */
export function textOrder(size: number, seed: number, epoch: number, block: number): Int32Array {
  return shuffled(size, seed, [0x74657874, block], epoch); // 'text'
}

/** The order from which a split takes its two parts. */
export function splitOrder(size: number, seed: number): Int32Array {
  return shuffled(size, seed, SPLIT_STREAM, 0);
}

/** The element before each, and before the first the last one. */
export function predecessors(order: Int32Array): Int32Array {
  const before = new Int32Array(order.length);
  before.set(order.subarray(0, -1), 1);
  before.set(order.subarray(-1));
  return before;
}
