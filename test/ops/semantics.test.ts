// What is easily got wrong, by hand: ties, bounds, NaN and infinity, views, indices, large logits.
import { describe, expect, test } from 'vitest';
import { gradients } from '../../src/graph/autodiff.js';
import { withoutTracking, noGrad } from '../../src/graph/recorder.js';
import * as ops from '../../src/ops/index.js';
import { gatherRows } from '../../src/ops/indexing.js';
import { inputLeaf } from '../../src/ops/leaf.js';
import { bernoulliMask } from '../../src/ops/random.js';
import { evaluate } from '../../src/runtime/oracle.js';
import { sizeOf, type Shape } from '../../src/shape.js';
import { Tensor } from '../../src/tensor.js';

const INF = Number.POSITIVE_INFINITY;

/** A leaf that is differentiated. */
function variable(values: readonly number[], shape: Shape = [values.length]): Tensor {
  const made = new Tensor(inputLeaf, [], undefined, { shape, dtype: 'float32' }, true, 0);
  made.data$ = Float32Array.from(values);
  expect(sizeOf(shape)).toBe(values.length);
  return made;
}

/** The elements, computed on the best target; composed, so that no step waits for them. */
const valuesOf = (make: () => Tensor): number[] => [...evaluate(withoutTracking(make))];

/** d sum(make())/d x for each x. */
function slopes(xs: readonly Tensor[], make: () => Tensor): number[][] {
  const found = withoutTracking(() => gradients([ops.sum(make())], xs), true);
  return found.map((gradient) => [...evaluate(gradient!)]);
}

describe('gradients where the slope jumps', () => {
  test('relu at 0 is flat, abs at 0 is flat', () => {
    const x = variable([-1, 0, 2]);
    expect(slopes([x], () => x.relu())).toEqual([[0, 0, 1]]);
    expect(slopes([x], () => x.abs())).toEqual([[-1, 0, 1]]);
  });

  test('maximum and minimum share evenly between equal operands', () => {
    const [a, b] = [variable([1, 2, 3]), variable([3, 2, 1])];
    expect(slopes([a, b], () => a.maximum(b))).toEqual([[0, 0.5, 1], [1, 0.5, 0]]);
    expect(slopes([a, b], () => a.minimum(b))).toEqual([[1, 0.5, 0], [0, 0.5, 1]]);
  });

  test('max and min share evenly among equal elements', () => {
    const x = variable([1, 3, 3, 0, 2, 2, 2, 2], [2, 4]);
    expect(slopes([x], () => x.max({ axis: 1 }))).toEqual([[0, 0.5, 0.5, 0, 0.25, 0.25, 0.25, 0.25]]);
    expect(slopes([x], () => x.max())).toEqual([[0, 0.5, 0.5, 0, 0, 0, 0, 0]]);
  });

  test('clamp passes the gradient at its bounds, and none of NaN', () => {
    const x = variable([-2, -1, 0, 1, 2, NaN]);
    expect(slopes([x], () => x.clamp(-1, 1))).toEqual([[0, 1, 1, 1, 0, 0]]);
  });

  test('pow with the exponents 0 and 2, at 0 and below', () => {
    const x = variable([-3, 0, 2]);
    expect(slopes([x], () => x.pow(2))).toEqual([[-6, 0, 4]]);
    expect(slopes([x], () => x.pow(0))).toEqual([[0, 0, 0]]);
    const [base, exponent] = [variable([0, 0]), variable([2, 0])];
    expect(slopes([exponent], () => base.pow(exponent))).toEqual([[0, 0]]);
  });

  test('where blocks the branch that is not taken, even where its slope is infinite', () => {
    const x = variable([0, 4]);
    expect(slopes([x], () => ops.where(x.greater(0), x, 0))).toEqual([[0, 1]]);
  });
});

describe('gradients of tensors used more than once', () => {
  test('add up', () => {
    const x = variable([3, -2]);
    expect(slopes([x], () => x.mul(x).add(x))).toEqual([[7, -3]]);
    expect(slopes([x], () => x.add(x.reshape([2, 1])))).toEqual([[4, 4]]);
  });

  test('stop at detach and in noGrad', () => {
    const x = variable([3]);
    expect(slopes([x], () => x.mul(x.detach()))).toEqual([[3]]);
    expect(withoutTracking(() => noGrad(() => x.mul(x)).requiresGrad, true)).toBe(false);
  });

  test('of gathered rows add up where an index repeats', () => {
    const x = variable([1, 2, 3]);
    expect(slopes([x], () => x.gather(ops.tensor([2, 0, 2], { dtype: 'int32' })))).toEqual([[1, 0, 2]]);
  });

  test('of slices are zero elsewhere', () => {
    const x = variable([1, 2, 3, 4, 5]);
    expect(slopes([x], () => x.slice(1, 5, { step: 2 }))).toEqual([[0, 1, 0, 1, 0]]);
  });
});

describe('NaN and infinity', () => {
  const odd = ops.tensor([NaN, INF, -INF, 1, -1]);

  test('pass through arithmetic', () => {
    expect(valuesOf(() => odd.add(1))).toEqual([NaN, INF, -INF, 2, 0]);
    expect(valuesOf(() => odd.mul(0))).toEqual([NaN, NaN, NaN, 0, -0]);
    expect(valuesOf(() => odd.maximum(0))).toEqual([NaN, INF, 0, 1, 0]);
    expect(valuesOf(() => odd.minimum(0))).toEqual([NaN, 0, -INF, 0, -1]);
    expect(valuesOf(() => odd.clamp(-2, 2))).toEqual([NaN, 2, -2, 1, -1]);
    expect(valuesOf(() => odd.relu())).toEqual([NaN, INF, 0, 1, 0]);
  });

  test('come out of functions at the ends of their range', () => {
    expect(valuesOf(() => odd.exp())).toEqual([NaN, INF, 0, Math.fround(Math.E), Math.fround(1 / Math.E)]);
    expect(valuesOf(() => odd.log())).toEqual([NaN, INF, NaN, 0, NaN]);
    expect(valuesOf(() => odd.sqrt())).toEqual([NaN, INF, NaN, 1, NaN]);
    expect(valuesOf(() => odd.sigmoid()).slice(0, 3)).toEqual([NaN, 1, 0]);
    expect(valuesOf(() => odd.tanh()).slice(0, 3)).toEqual([NaN, 1, -1]);
    expect(valuesOf(() => ops.tensor([0, 1, -1]).div(0))).toEqual([NaN, INF, -INF]);
  });

  test('win in max, min and argmax, and are unequal to all', () => {
    expect(valuesOf(() => odd.max())).toEqual([NaN]);
    expect(valuesOf(() => odd.min())).toEqual([NaN]);
    expect(valuesOf(() => odd.argmax())).toEqual([0]);
    expect(valuesOf(() => odd.slice(1).argmax())).toEqual([0]);
    expect(valuesOf(() => odd.equal(odd))).toEqual([0, 1, 1, 1, 1]);
    expect(valuesOf(() => odd.notEqual(odd))).toEqual([1, 0, 0, 0, 0]);
    expect(valuesOf(() => odd.lessEqual(1))).toEqual([0, 0, 1, 1, 1]);
  });

  test('are cast to defined whole numbers', () => {
    const far = ops.tensor([NaN, INF, -INF, 3e9, -3e9, 2.9, -2.9]);
    expect(valuesOf(() => far.cast('int32'))).toEqual([0, 2147483647, -2147483648, 2147483647, -2147483648, 2, -2]);
    expect(valuesOf(() => far.cast('uint8'))).toEqual([0, 255, 0, 255, 0, 2, 0]);
    expect(valuesOf(() => far.cast('bool'))).toEqual([1, 1, 1, 1, 1, 1, 1]);
  });

  test('of reductions of nothing', () => {
    const nothing = ops.tensor([], { shape: [0] });
    expect(valuesOf(() => nothing.sum())).toEqual([0]);
    expect(valuesOf(() => nothing.mean())).toEqual([NaN]);
    expect(valuesOf(() => nothing.any())).toEqual([0]);
    expect(valuesOf(() => nothing.all())).toEqual([1]);
    expect(valuesOf(() => ops.tensor([2]).var())).toEqual([NaN]);
    expect(valuesOf(() => ops.zeros([2, 0]).matmul(ops.zeros([0, 3])))).toEqual([0, 0, 0, 0, 0, 0]);
  });
});

describe('values', () => {
  test('softmax and cross-entropy are stable at large logits', () => {
    const logits = ops.tensor([[1000, 0, -1000], [-5000, -5000, 5000]]);
    expect(valuesOf(() => logits.softmax())).toEqual([1, 0, 0, 0, 0, 1]);
    expect(valuesOf(() => logits.logSoftmax())).toEqual([0, -1000, -2000, -10000, -10000, 0]);
    expect(valuesOf(() => ops.crossEntropy(logits, ops.tensor([1, 2], { dtype: 'int32' })))).toEqual([1000, 0]);
  });

  test('cross-entropy over another axis, and its gradient', () => {
    const logits = variable([0, 0, 0, 0, 0, 0], [1, 2, 3]);
    const labels = ops.tensor([[0, 1, 0]], { dtype: 'int32' });
    const loss = (): Tensor => ops.crossEntropy(logits, labels, { axis: 1 });
    expect(valuesOf(loss).map((value) => value.toFixed(6))).toEqual(Array(3).fill(Math.LN2.toFixed(6)));
    expect(slopes([logits], loss)).toEqual([[-0.5, 0.5, -0.5, 0.5, -0.5, 0.5]]);
  });

  test('views of views show the right elements', () => {
    const x = ops.arange(24).reshape([2, 3, 4]);
    expect(valuesOf(() => x.transpose(0, 2).slice(1, 3).reshape([-1]))).toEqual([1, 13, 5, 17, 9, 21, 2, 14, 6, 18, 10, 22]);
    expect(valuesOf(() => x.permute([1, 0, 2]).flatten(1).slice(2))).toEqual([8, 9, 10, 11, 20, 21, 22, 23]);
    expect(valuesOf(() => x.slice(-1).squeeze(0).t().slice(0, 4, { step: 3 }).flatten())).toEqual([12, 16, 20, 15, 19, 23]);
    expect(valuesOf(() => x.slice(0, 2, { axis: 1 }).expand([2, 2, 4]).sum({ axis: [0, 2] }))).toEqual([60, 92]);
  });

  test('matmul and linear read slices, single rows and columns, and repeated rows', () => {
    const x = ops.arange(24).reshape([4, 6]).cast('float32');
    const ones = (rows: number, columns: number): Tensor => ops.ones([rows, columns]);
    expect(valuesOf(() => x.slice(2, 3, { axis: 1 }).matmul(ones(1, 2)))).toEqual([2, 2, 8, 8, 14, 14, 20, 20]);
    expect(valuesOf(() => x.slice(1, 2).t().matmul(ones(1, 1)))).toEqual([6, 7, 8, 9, 10, 11]);
    expect(valuesOf(() => x.slice(0, 6, { axis: 1, step: 3 }).matmul(ones(2, 1)))).toEqual([3, 15, 27, 39]);
    expect(valuesOf(() => x.slice(0, 4, { step: 2 }).t().slice(1, 3).matmul(ones(2, 1)))).toEqual([14, 16]);
    expect(valuesOf(() => ops.tensor([1, 2]).expand([3, 2]).matmul(ones(2, 1)))).toEqual([3, 3, 3]);
    expect(valuesOf(() => ops.linear(x.slice(3), x.slice(0, 2).slice(4, 5, { axis: 1 }).expand([2, 6])))).toEqual([492, 1230]);
    expect(valuesOf(() => ops.linear(x.slice(0, 2).slice(5, 6, { axis: 1 }), x.slice(1, 3).slice(0, 1, { axis: 1 })))).toEqual([30, 60, 66, 132]);
  });

  test('concat, stack and pad put elements in their places', () => {
    const [a, b] = [ops.tensor([[1, 2], [3, 4]]), ops.tensor([[5], [6]])];
    expect(valuesOf(() => ops.concat([a, b], 1))).toEqual([1, 2, 5, 3, 4, 6]);
    expect(valuesOf(() => ops.stack([a, a.t()], 1))).toEqual([1, 2, 1, 3, 3, 4, 2, 4]);
    expect(valuesOf(() => ops.pad(b, [0, 1, 1, -1], { value: 9 }))).toEqual([9, 9, 5, 9]);
  });

  test('argmax takes the first, along an axis or of all', () => {
    const x = ops.tensor([[1, 5, 5], [7, 0, 7]]);
    expect(valuesOf(() => x.argmax({ axis: 1 }))).toEqual([1, 0]);
    expect(valuesOf(() => x.argmax())).toEqual([3]);
    expect(valuesOf(() => x.argmin({ axis: 0, keepdim: true }))).toEqual([0, 1, 0]);
  });

  test('gatherRows casts, subtracts and scales', () => {
    const bytes = ops.tensor(Uint8Array.of(0, 255, 10, 20), { shape: [2, 2] });
    const rows = ops.tensor([1, 0, 1], { dtype: 'int32' });
    expect(valuesOf(() => gatherRows(bytes, rows, { mean: ops.tensor(1), rest: ops.tensor(0.25), scale: ops.tensor(2) }))).toEqual([17.5, 37.5, -2.5, 507.5, 17.5, 37.5]);
    expect(valuesOf(() => gatherRows(bytes, rows))).toEqual([10, 20, 0, 255, 10, 20]);
  });

  test('integers stay integers', () => {
    const x = ops.tensor([7, -8, 2147483647], { dtype: 'int32' });
    expect(valuesOf(() => x.add(1))).toEqual([8, -7, -2147483648]);
    expect(valuesOf(() => x.slice(0, 2).mul(3).abs().sum())).toEqual([45]);
    expect(valuesOf(() => x.greaterEqual(7).sum())).toEqual([2]);
  });

  test('a bernoulli mask keeps its mean, and the same key gives the same numbers', () => {
    const key = ops.tensor([1, 2, 3, 4, 5], { dtype: 'int32' });
    const mask = valuesOf(() => bernoulliMask([10000], key, 0.8));
    expect(new Set(mask)).toEqual(new Set([0, 1.25]));
    expect(mask.filter((value) => value > 0).length / 10000).toBeCloseTo(0.8, 1);
    expect(valuesOf(() => bernoulliMask([10000], key, 0.8))).toEqual(mask);
    const uniform = valuesOf(() => ops.uniform([10000], key, -2, 6));
    expect([Math.min(...uniform) >= -2, Math.max(...uniform) < 6]).toEqual([true, true]);
    const normal = valuesOf(() => ops.normal([10000], key, 3, 2));
    const mean = normal.reduce((a, b) => a + b) / 10000;
    expect(mean).toBeCloseTo(3, 1);
    expect(Math.sqrt(normal.reduce((a, b) => a + (b - mean) ** 2, 0) / 10000)).toBeCloseTo(2, 1);
  });
});
