import fc from 'fast-check';
import { tensor } from 'anneal';

function cyclic(): unknown[] {
  const array: unknown[] = [];
  array.push(array);
  return array;
}

function detached(): Float32Array {
  const array = new Float32Array(4);
  structuredClone(array, { transfer: [array.buffer] });
  return array;
}

function disposed(): unknown {
  const made = tensor([1, 2]);
  made.dispose();
  return made;
}

/** Values that JavaScript can hand over where something else was meant; each made anew. */
export const HOSTILE: readonly (() => unknown)[] = [
  ...[undefined, null, true, false, 0, -0, 1, 2, 3, -1, -2, 0.5, -0.5, NaN, Infinity, -Infinity, 2 ** 31, 2 ** 31 - 1, 2 ** 32, 2 ** 53, -(2 ** 31), 1e308, 1e39].map((value) => () => value),
  ...[0n, 2n ** 64n, Symbol('symbol'), '', '0', 'x', 'float32', 'int32'].map((value) => () => value),
  () => [],
  () => [undefined],
  () => [null],
  () => [0],
  () => [1, 2],
  () => [-1],
  () => [0.5],
  () => ['x'],
  () => [Symbol('symbol')],
  () => [2 ** 16, 2 ** 16],
  () => [2 ** 31, 0],
  () => [1, 1, 1, 1, 1, 1, 1, 1, 1],
  () => [[1], [2, 3]],
  () => [[1, 2], [3, 4]],
  () => Array.from({ length: 3 }),
  cyclic,
  () => ({}),
  () => Object.create(null) as unknown,
  () => ({ axis: 'x' }),
  () => ({ axis: null }),
  () => ({ axis: [] }),
  () => ({ axis: 9 }),
  () => ({ axis: 0, keepdim: 'x' }),
  () => ({ dtype: 'x' }),
  () => ({ shape: [3], dtype: 'int32' }),
  () => ({ shape: 3 }),
  () => ({ correction: 'x' }),
  () => ({ alpha: 'x' }),
  () => ({ length: 3 }),
  () => ({ shape: [2], dtype: 'float32' }),
  () => new Date(0),
  () => /x/,
  () => new Map([[1, 2]]),
  () => new Set([1]),
  () => Promise.resolve(1),
  () => () => 1,
  () => Array,
  () => new Float32Array(3),
  () => Int32Array.of(-1, 5),
  () => new BigInt64Array(2),
  () => new DataView(new ArrayBuffer(8)),
  () => new ArrayBuffer(8),
  detached,
  () => tensor([1, 2]),
  () => tensor([[1, 2], [3, 4]]),
  () => tensor(2),
  () => tensor([], { shape: [0, 2] }),
  () => tensor([0, 1], { dtype: 'int32' }),
  () => tensor([-1, 7], { dtype: 'int32' }),
  () => tensor([[true, false], [true, true]]),
  () => tensor(Uint8Array.of(0, 255)),
  disposed,
];

/** Any of them. A failure is reported by its place in the list. */
export const hostile: fc.Arbitrary<() => unknown> = fc.integer({ min: 0, max: HOSTILE.length - 1 }).map((i) => HOSTILE[i]!);
