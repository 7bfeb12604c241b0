// Kernels on sizes around their blocks, tiles, vectors and chunks, on every target against the reference: whole numbers, whose sums
// are exact in any order, have to come out exactly, so that nothing hides in a tolerance.
import { describe, expect, test } from 'vitest';
import type { DType } from '../../src/dtype.js';
import { dtypes } from '../../src/dtype.js';
import { gradients } from '../../src/graph/autodiff.js';
import { withoutTracking } from '../../src/graph/recorder.js';
import * as ops from '../../src/ops/index.js';
import { gatherRows } from '../../src/ops/indexing.js';
import { inputLeaf } from '../../src/ops/leaf.js';
import { random } from '../../src/index.js';
import { loadNative } from '../../src/runtime/binding.js';
import { evaluate } from '../../src/runtime/oracle.js';
import { showShape, sizeOf, type Shape } from '../../src/shape.js';
import { Tensor } from '../../src/tensor.js';
import { generator } from './operands.js';

const targets = loadNative().addon.info().targets.filter((target) => target !== 'reference');

/** Whole numbers in [low, high] that differ from place to place. */
function whole(shape: Shape, low: number, high: number, dtype: DType = 'float32', seed = 1): Tensor {
  const next = generator(seed);
  const values = new dtypes[dtype].array(sizeOf(shape)).map(() => low + Math.floor(next() * (high - low + 1)));
  const leaf = new Tensor(inputLeaf, [], undefined, { shape, dtype }, dtype === 'float32', 0);
  leaf.data$ = values;
  return leaf;
}

/** Fails at the first element in which a target differs from the reference by more than `relative`. */
function agree(record: () => Tensor, relative = 0): void {
  const tensor = withoutTracking(record, true);
  const expected = evaluate(tensor, { target: 'reference' });
  for (const target of targets) {
    const got = evaluate(tensor, { target });
    for (let i = 0; i < expected.length; i++) {
      const [a, b] = [got[i]!, expected[i]!];
      if (!(Object.is(a, b) || a === b || Math.abs(a - b) <= relative * (1 + Math.abs(b)))) expect.fail(`${target} ${showShape(tensor.shape)}: element ${i} is ${a}, the reference has ${b}`);
    }
  }
}

describe('products', () => {
  const sizes = [
    [1, 1, 1], [1, 17, 33], [2, 10, 784], [5, 3, 1000], [7, 1, 65], [13, 16, 31], [16, 4, 520], [17, 16, 5], [31, 33, 64], [33, 65, 129], [48, 48, 300],
    [64, 13, 257], [70, 200, 90], [97, 100, 48], [3, 700, 5], [300, 2, 40], [130, 70, 410],
  ] as const;
  describe.each(['NN', 'NT', 'TN', 'TT'])('%s', (layout) => {
    test.each(sizes)('%d x %d, of %d terms each', (M, N, K) => {
      const a = layout[0] === 'N' ? whole([M, K], -9, 9) : ops.t(whole([K, M], -9, 9));
      const b = layout[1] === 'N' ? whole([K, N], -9, 9, 'float32', 2) : ops.t(whole([N, K], -9, 9, 'float32', 2));
      agree(() => ops.matmul(a, b));
      agree(() => ops.relu(ops.add(ops.matmul(a, b), whole([N], -99, 99, 'float32', 3))));
    });
  });

  test('of batches', () => {
    agree(() => ops.matmul(whole([3, 19, 21], -9, 9), whole([3, 21, 18], -9, 9, 'float32', 2)));
    agree(() => ops.matmul(whole([2, 1, 40, 7], -9, 9), whole([5, 7, 33], -9, 9, 'float32', 2)));
  });
});

describe('reductions', () => {
  const shapes = [[1, 1], [3, 17], [16, 1000], [1000, 15], [7, 4099], [4099, 7], [257, 129], [70_001, 1], [5, 9, 33]] as const;
  describe.each(shapes.map((shape) => [showShape(shape), shape] as const))('of %s', (_name, shape) => {
    test.each([[undefined], [0], [-1]])('over %s', (axis) => {
      const x = whole(shape, -50, 50);
      for (const reduce of [ops.sum, ops.max, ops.min] as const) agree(() => reduce(x, { axis }));
      for (const reduce of [ops.argmax, ops.argmin] as const) agree(() => reduce(x, { axis }));
      for (const reduce of [ops.any, ops.all] as const) agree(() => reduce(whole(shape, 0, 1, 'bool'), { axis }));
      agree(() => ops.mean(x, { axis }), 1e-6);
      agree(() => ops.variance(x, { axis, correction: 0 }), 2e-6);
    });
  });
});

describe('rows of logits', () => {
  const widths = [1, 2, 3, 4, 5, 10, 15, 16, 17, 33, 64, 100, 255, 256, 257, 1000, 1023, 2050, 5003];
  test.each(widths)('%d wide', (C) => {
    for (const N of C > 1000 ? [1, 3] : [1, 15, 16, 17, 130]) {
      const x = whole([N, C], -5, 5);
      const labels = whole([N], 0, C - 1, 'int32', 2);
      const targets = ops.softmax(whole([N, C], -1, 1, 'float32', 3));
      for (const of of [ops.softmax, ops.logSoftmax] as const) {
        agree(() => of(x), 2e-6);
        agree(() => gradients([ops.sum(ops.mul(of(x), whole([N, C], -3, 3, 'float32', 4)))], [x as never])[0]!, 4e-6);
      }
      for (const [target, options] of [[labels, {}], [labels, { labelSmoothing: 0.125 }], [targets, {}]] as const) {
        const loss = () => ops.crossEntropy(x, target as never, options as never) as Tensor;
        agree(loss, 2e-6);
        agree(() => gradients([ops.sum(loss())], [x as never])[0]!, 4e-6);
      }
    }
  });
});

describe('element by element', () => {
  test.each([1, 7, 8, 9, 15, 16, 17, 31, 33, 1000, 4097, 70_003])('%d of them', (n) => {
    const [a, b] = [whole([n], -9, 9), whole([n], 1, 9, 'float32', 2)];
    agree(() => ops.where(ops.greater(a, b), ops.mul(a, b), ops.sub(ops.maximum(a, b), ops.abs(a))));
    agree(() => ops.div(ops.exp(a), ops.add(ops.tanh(b), 2)), 1e-6);
    agree(() => ops.cast(ops.add(a, 0.5), 'int32'));
  });

  test.each([[[17, 33]], [[5, 1025]], [[1025, 5]], [[3, 7, 19]]])('rows and columns over %j', (shape) => {
    const x = whole(shape, -9, 9);
    const row = whole(shape.slice(-1), -9, 9, 'float32', 2);
    const column = whole([...shape.slice(0, -1), 1], -9, 9, 'float32', 3);
    agree(() => ops.mul(ops.add(x, row), column));
    agree(() => ops.add(ops.t(ops.reshape(x, [-1, shape.at(-1)!])), ops.reshape(column, [1, -1])));
  });
});

describe('what moves elements', () => {
  test.each([[[3, 5]], [[17, 33]], [[129, 257]], [[2, 7, 65]]])('views of %j, copied', (shape) => {
    const x = whole(shape, -99, 99);
    const turned = ops.permute(x, shape.map((_, d) => d).toReversed());
    agree(() => ops.concat([turned, turned], 0));
    agree(() => ops.concat([ops.slice(x, 1, undefined, { axis: -1 }), x], -1));
    agree(() => ops.reshape(turned, [-1]));
    agree(() => ops.add(ops.slice(turned, 0, undefined, { step: 2 }), 1));
  });

  test.each([[[50], 8], [[300, 17], 1000], [[70, 3, 5], 211], [[9, 4099], 33]] as const)('rows of %j', (shape, count) => {
    const x = whole(shape, -99, 99);
    const rows = whole([count], 0, shape[0] - 1, 'int32', 2);
    agree(() => ops.gather(x, rows as never));
    agree(() => ops.scatterAdd(whole([count, ...shape.slice(1)], -9, 9) as never, rows as never, shape[0]));
    if (shape.length > 1) agree(() => ops.gather(x, whole([count], 0, shape[1]! - 1, 'int32', 3) as never, 1));
  });

  test('a row that is not there is an error wherever it stands, in all of several chunks', () => {
    const x = whole([9, 65], -9, 9);
    for (const at of [0, 1, 4000, 8191]) {
      const rows = whole([8192], 0, 8, 'int32');
      rows.data$![at] = 9;
      for (const made of [() => ops.gather(x, rows as never), () => gatherRows(x, rows), () => ops.scatterAdd(whole([8192, 65], -9, 9) as never, rows as never, 9)]) {
        for (const target of targets) expect(() => evaluate(withoutTracking(made), { target })).toThrow(expect.objectContaining({ failure: expect.objectContaining({ where: at }) }) as Error);
      }
    }
  });

  test('class indices to rows and back', () => {
    for (const [N, C] of [[1, 1], [17, 10], [300, 257]] as const) agree(() => ops.oneHot(whole([N], 0, C - 1, 'int32') as never, C));
  });
});

describe('random numbers', () => {
  test.each([1, 5, 16, 17, 1000, 4099, 70_001])('%d of them', (n) => {
    agree(() => ops.uniform([n], random.key('sizes')));
    agree(() => ops.normal([n], random.key('sizes')), 2e-6);
  });
});
