import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { tensor, type DType, type Tensor } from 'anneal';

/** Infinity and NaN stand as strings in the JSON. */
export type Numbers = readonly (number | string)[];

export interface Described {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly data: Numbers;
}

export interface Case {
  readonly op: string;
  readonly name: string;
  readonly inputs: readonly Described[];
  readonly args: Readonly<Record<string, never>>;
  readonly output: Described;
  /** The gradient of the output that `grads` belong to; float inputs in order. */
  readonly dy?: Numbers;
  readonly grads?: readonly Numbers[];
}

export function fixture<F>(name: string): F {
  return JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8')) as F;
}

const arrays = { float32: Float32Array, int32: Int32Array, bool: Uint8Array, uint8: Uint8Array } as const;

export function asTensor({ shape, dtype, data }: Described): Tensor {
  return tensor(arrays[dtype].from(data, Number), shape, dtype) as Tensor;
}

/**
 * How far a value may be from PyTorch's: both round, in different orders, so each element may be off by a few units in its
 * last place, or, where terms cancel, by a few units in the last place of the tensor's largest element.
 */
export const TOLERANCE = { relative: 3e-6, ofLargest: 6e-7 } as const;

/** Fails with the first element that differs. NaN agrees with NaN, an infinity with itself. */
export function expectClose(what: string, got: ArrayLike<number>, wanted: Numbers, tolerance: { relative: number; ofLargest: number } = TOLERANCE): void {
  const want = Array.from(wanted, Number);
  expect(got.length, `${what}: number of elements`).toBe(want.length);
  const largest = Math.max(0, ...want.filter(Number.isFinite).map(Math.abs));
  for (let i = 0; i < want.length; i++) {
    const [a, b] = [got[i]!, want[i]!];
    if (Object.is(a, b) || a === b) continue;
    const allowed = tolerance.relative * Math.abs(b) + tolerance.ofLargest * largest;
    if (!(Math.abs(a - b) <= allowed)) expect.fail(`${what}: element ${i} is ${a}, PyTorch has ${b}; ${allowed} apart is allowed`);
  }
}
