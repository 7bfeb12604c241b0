// At the ends of float32: every op against its reference on every target, and slopes as torch has them.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gradients } from '../../src/graph/autodiff.js';
import { withoutTracking, record } from '../../src/graph/recorder.js';
import * as ops from '../../src/ops/index.js';
import { fromArray, inputLeaf } from '../../src/ops/leaf.js';
import type { OpRecord } from '../../src/ops/record.js';
import { everyOp } from '../../src/ops/registry.js';
import { SUMS } from '../../src/ops/tolerance.js';
import { evaluate } from '../../src/runtime/oracle.js';
import { loadNative } from '../../src/runtime/binding.js';
import { sizeOf } from '../../src/shape.js';
import { Tensor } from '../../src/tensor.js';

const TINY = 2 ** -149;
const ENDS = [0, TINY, 1e-40, 2 ** -126, 1e-20, 0.5, 1, 17, 40, 90, 104, 1e4, 1e8, 1e15, 1e20, 3e38, Infinity, NaN];
const ALL = [...ENDS, ...ENDS.map((value) => -value)];
const FINITE = ALL.filter((value) => Number.isFinite(value));
const extreme = fc.constantFrom(...ALL);

const targets = loadNative().addon.info().targets.filter((target) => target !== 'reference' && target !== 'baseline');

/** Equal to about 5 digits, or to a subnormal number; or neither is a number. */
function alike(a: number, b: number): boolean {
  return a === b || (Number.isNaN(a) && Number.isNaN(b)) || Math.abs(a - b) <= 2e-5 * Math.abs(b) + 1e-37;
}

/** In double what overflows here on its way may come back: references tell nothing of these. */
const accumulates = ({ tolerance }: OpRecord): boolean => tolerance === SUMS;
const unary = everyOp.flatMap((op) => {
  const example = op.examples().find(({ inputs }) => inputs.length === 1 && inputs[0]!.dtype === undefined && inputs[0]!.as === undefined && sizeOf(inputs[0]!.shape) >= 7);
  return example === undefined || accumulates(op) ? [] : [[op.name, op, example] as const];
});
const binary = everyOp.filter((op) => op.kind === 'pointwise' && op.examples()[0]!.inputs.length === 2 && op.examples()[0]!.inputs[0]!.dtype === undefined);

describe('references agree with every target', () => {
  test.each(unary)('%s', (_name, op, example) => {
    const { shape } = example.inputs[0]!;
    const size = sizeOf(shape);
    fc.assert(
      fc.property(fc.array(extreme, { minLength: size, maxLength: size }), (values) => {
        const made = withoutTracking(() => record(op, [fromArray(Float32Array.from(values), shape, 'float32') as Tensor], example.attrs));
        const expected = evaluate(made, { target: 'reference' });
        for (const target of targets) {
          evaluate(made, { target }).forEach((got, i) => {
            if (!alike(got, expected[i]!)) expect.fail(`${target}, element ${i}: got ${got}, the reference has ${expected[i]!}`);
          });
        }
      }),
      { numRuns: 20, seed: 3 },
    );
  });

  test.each(binary.map((op) => [op.name, op] as const))('%s', (_name, op) => {
    // A slope below what float32 holds may be 0, which a gradient of 3e38 would show.
    const seconds = op.calledBy !== undefined ? ALL.filter((dy) => Math.abs(dy) <= 1) : ALL;
    const pairs = ALL.flatMap((a) => seconds.map((b) => [a, b] as const));
    const side = (k: 0 | 1): Tensor => fromArray(Float32Array.from(pairs, (pair) => pair[k]), [pairs.length], 'float32') as Tensor;
    const made = withoutTracking(() => record(op, [side(0), side(1)]));
    const expected = evaluate(made, { target: 'reference' });
    for (const target of targets) {
      evaluate(made, { target }).forEach((got, i) => {
        if (!alike(got, expected[i]!)) expect.fail(`${target} of ${String(pairs[i])}: got ${got}, the reference has ${expected[i]!}`);
      });
    }
  });

  test('softmax and cross-entropy beside a maximum of 1e15 and more', () => {
    for (const size of [1e15, 1e20, 3e38]) {
      const x = ops.tensor([[size, size, -size], [0, size, size]]);
      for (const target of ['reference', ...targets]) {
        expect([...evaluate(withoutTracking(() => x.softmax()), { target })]).toEqual([0.5, 0.5, 0, 0, 0.5, 0.5]);
        const labels = ops.tensor([0, 2], { dtype: 'int32' });
        expect([...evaluate(withoutTracking(() => ops.crossEntropy(x, labels)), { target })]).toEqual([Math.fround(Math.LN2), Math.fround(Math.LN2)]);
        expect([...evaluate(withoutTracking(() => ops.crossEntropy(x, ops.oneHot(labels, 3))), { target })]).toEqual([Math.fround(Math.LN2), Math.fround(Math.LN2)]);
      }
    }
  });
});

/** A leaf that is differentiated. */
function variable(values: readonly number[]): Tensor {
  const made = new Tensor(inputLeaf, [], undefined, { shape: [values.length], dtype: 'float32' }, true, 0);
  made.data$ = Float32Array.from(values);
  return made;
}

/** The slopes of f at `values`, times `factor`, natively. */
function slopes(values: readonly number[], f: (x: Tensor) => Tensor, factor = 1): number[] {
  const x = variable(values);
  const [found] = withoutTracking(() => gradients([ops.sum(ops.mul(f(x), factor))], [x]), true);
  return [...evaluate(found!)];
}

describe('slopes are those of torch', () => {
  test('of elu at 0, and where its value is next to -alpha', () => {
    const x = [0, -0, TINY, -TINY, -17, -20, -90, -104, -Infinity, 1, 3e38];
    const expected = [2, 2, 1, 2, 2 * Math.exp(-17), 2 * Math.exp(-20), 2 * Math.exp(-90), 2 * Math.exp(-104), 0, 1, 1];
    const got = slopes(x, (v) => ops.elu(v, { alpha: 2 }));
    got.forEach((slope, i) => expect(alike(slope, expected[i]!), `at ${x[i]}: ${slope}`).toBe(true));
    expect(got.slice(0, 4)).toEqual([2, 2, 1, 2]);
    expect(got[5]).toBeGreaterThan(0);
  });

  test('of expm1 where its value is next to -1', () => {
    expect(slopes([-20], ops.expm1)[0]).toBeCloseTo(Math.exp(-20), 14);
  });

  test('of activations at 0, -0 and the smallest numbers', () => {
    const x = [0, -0, TINY, -TINY];
    expect(slopes(x, ops.relu)).toEqual([0, 0, 1, 0]);
    expect(slopes(x, ops.leakyRelu)).toEqual([Math.fround(0.01), Math.fround(0.01), 1, Math.fround(0.01)]);
    expect(slopes(x, ops.abs)).toEqual([0, 0, 1, -1]);
    expect(slopes(x, ops.tanh)).toEqual([1, 1, 1, 1]);
    expect(slopes(x, ops.sign)).toEqual([0, 0, 0, 0]);
    for (const half of [ops.sigmoid, ops.silu, ops.gelu, ops.softplus, ops.logSigmoid]) {
      slopes(x, half as (v: Tensor) => Tensor).forEach((slope) => expect(slope).toBeCloseTo(half === ops.sigmoid ? 0.25 : 0.5, 6));
    }
  });

  test('of a quotient at a subnormal divisor', () => {
    const b = [1e-40, -1e-40, TINY, 2 ** -126];
    expect(slopes(b, (v) => ops.div(0, v)).map(Math.abs)).toEqual([0, 0, 0, 0]);
    expect(slopes(b, (v) => ops.div(v, v).mul(0)).every((slope) => !Number.isNaN(slope))).toBe(true);
    // d(a / b)/db = -a / b^2
    expect(slopes([1e-40], (v) => ops.div(1e-44, v))[0]! / -1e36).toBeCloseTo(1, 1);
  });

  test('of squeezed scalars and of a variance by any correction', () => {
    expect(slopes([1, 2, 4], (v) => v.var({ correction: 0.5 })).map((slope) => slope.toFixed(5))).toEqual(['-1.06667', '-0.26667', '1.33333']);
    expect([...evaluate(withoutTracking(() => ops.tensor([1, 2, 4]).var({ correction: 0.5 })))][0]).toBeCloseTo(14 / 3 / 2.5, 6);
    expect([...evaluate(withoutTracking(() => ops.tensor([1, 2, 4]).var({ correction: -1 })))][0]).toBeCloseTo(14 / 3 / 4, 6);
  });
});

const ACTIVATIONS = {
  tanh: ops.tanh,
  sigmoid: ops.sigmoid,
  relu: ops.relu,
  gelu: ops.gelu,
  geluTanh: (x: Tensor) => ops.gelu(x, { approximate: 'tanh' }),
  softplus: ops.softplus,
  logSigmoid: ops.logSigmoid,
  silu: ops.silu,
  leakyRelu: ops.leakyRelu,
  elu: ops.elu,
  erf: ops.erf,
  abs: ops.abs,
  sign: ops.sign,
  clamp: (x: Tensor) => ops.clamp(x, -1, 1),
  softmax: ops.softmax,
  logSumExp: ops.logSumExp,
} satisfies Record<string, (x: never) => unknown>;

describe('a finite value has finite slopes, times any factor that leaves it finite', () => {
  test.each(Object.entries(ACTIVATIONS) as [string, (x: Tensor) => Tensor][])('%s', (_name, f) => {
    for (const x of FINITE) {
      const value = evaluate(withoutTracking(() => ops.mul(f(ops.tensor([x])), 100)))[0]!;
      if (!Number.isFinite(value)) continue;
      const [slope] = slopes([x], f, 100);
      expect(Number.isFinite(slope), `at ${x}: ${String(slope)}`).toBe(true);
    }
  });

  test('bounds hold exactly', () => {
    const numbers = ops.tensor(FINITE);
    const within = (f: (x: Tensor) => Tensor, low: number, high: number): void =>
      evaluate(withoutTracking(() => f(numbers))).forEach((y, i) => expect(y >= low && y <= high, `at ${FINITE[i]}: ${y}`).toBe(true));
    within(ops.sigmoid, 0, 1);
    within(ops.tanh, -1, 1);
    within(ops.erf, -1, 1);
    within(ops.softmax, 0, 1);
    within(ops.softplus, 0, Infinity);
    within(ops.logSigmoid, -Infinity, 0);
    within(ops.logSoftmax, -Infinity, 0);
    within(ops.elu, -1, Infinity);
  });
});
