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

/** Arguments of a case's call besides tensors. */
export interface Args {
  readonly axis: number;
  readonly exponent: number;
  readonly min?: number;
  readonly max?: number;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly dim0: number;
  readonly dim1: number;
  readonly dims: readonly number[];
  readonly start: number;
  readonly end: number;
  readonly approximate: 'tanh';
  readonly alpha?: number;
  readonly signs?: readonly number[];
  readonly inputLengths?: readonly number[];
  readonly targetLengths?: readonly number[];
  readonly classWeights?: readonly number[];
  readonly positiveWeight?: number | readonly number[];
  readonly negativeSlope?: number;
  readonly reduction: 'mean' | 'sum' | 'none';
}

export interface Case {
  readonly op: string;
  readonly name: string;
  readonly inputs: readonly Described[];
  readonly args: Args;
  readonly output: Described;
  /** The gradient of the output that `grads` belong to; float inputs in order. */
  readonly dy?: Numbers;
  readonly grads?: readonly Numbers[];
}

export function fixture<F>(name: string): F {
  return JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8')) as F;
}

/** The cases of one op, as test.each takes them. */
export const named = (cases: readonly Case[], op: string): [string, Case][] => cases.filter((row) => row.op === op).map((row) => [row.name, row]);

export function asTensor({ shape, dtype, data }: Described): Tensor {
  const values = Array.from(data, Number);
  const array = dtype === 'float32' ? Float32Array.from(values) : dtype === 'int32' ? Int32Array.from(values) : Uint8Array.from(values);
  return tensor(array, { shape, dtype });
}

/**
 * Distance that a value may be from PyTorch's: both round, in different orders, so each element may be off by a few units in its
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
