// What a contraction does on its tile: as many instructions as are to be, and the bits of the separate ones.
import { describe, expect, test } from 'vitest';
import { fuse } from '../../src/compiler/fuse.js';
import { decompose } from '../../src/compiler/decompose.js';
import { buildGraph } from '../../src/compiler/graph.js';
import { lower } from '../../src/compiler/lower.js';
import { withoutTracking } from '../../src/graph/recorder.js';
import { normalizeByStatistics } from '../../src/ops/batch-norm-inference.js';
import { add, conv2d, convTranspose2d, linear, mul, relu, reshape, sub, tanh } from '../../src/ops/index.js';
import { fromArray } from '../../src/ops/leaf.js';
import { loadNative } from '../../src/runtime/binding.js';
import { evaluate } from '../../src/runtime/oracle.js';
import type { Shape } from '../../src/shape.js';
import type { Tensor } from '../../src/tensor.js';

const native = loadNative();
let state = 1;
const next = (): number => ((state = (state * 48271) % 2147483647) / 2147483647) * 2 - 1;
const input = (...shape: number[]): Tensor => fromArray(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, next), shape, 'float32');

/** Rows of the instructions that a value takes. */
function rows(value: Tensor): readonly string[] {
  const graph = buildGraph(decompose([value], true).map((tensor, index) => ({ tensor, destination: { to: 'view', index } })), []);
  return lower(graph, fuse(graph), native).instructions.map(({ row }) => row);
}

type Make = (x: Tensor, weight: Tensor, bias?: Tensor) => Tensor;
const kinds: readonly [name: string, make: Make, weight: Shape][] = [
  ['conv2d', (x, weight, bias) => conv2d(x, weight as never, bias as never, { padding: 1 }), [5, 6, 3, 3]],
  ['conv2d of few pixels and many channels', (x, weight, bias) => conv2d(x, weight as never, bias as never, { stride: 3 }), [40, 6, 2, 3]],
  ['conv2d, depthwise', (x, weight, bias) => conv2d(x, weight as never, bias as never, { padding: 1, groups: 6 }), [6, 1, 3, 3]],
  ['conv2d in groups', (x, weight, bias) => conv2d(x, weight as never, bias as never, { groups: 2, stride: 2, padding: 1 }), [4, 3, 3, 3]],
  ['convTranspose2d', (x, weight, bias) => convTranspose2d(x, weight as never, bias as never, { stride: 2 }), [6, 7, 3, 3]],
  ['convTranspose2d whose windows leave gaps', (x, weight, bias) => convTranspose2d(x, weight as never, bias as never, { stride: 3 }), [6, 7, 1, 2]],
];

const channels = (name: string, weight: Shape): number => (name.startsWith('convTranspose') ? weight[1]! : weight[0]!);
const perChannel = (n: number): Tensor => reshape(input(n), [n, 1, 1]) as Tensor;
const sum = (a: Tensor, b: Tensor): Tensor => add(a, b as never);

describe.each(kinds)('%s', (name, make, shape) => {
  const steps: readonly [string, (y: Tensor, n: number) => Tensor][] = [
    ['a scale', (y, n) => mul(y, perChannel(n) as never)],
    ['a scale in front', (y, n) => mul(perChannel(n), y as never)],
    ['a bias, a scale and a shift', (y, n) => sum(mul(sum(y, perChannel(n)), perChannel(n) as never), perChannel(n))],
    ['a scale, a shift and an activation', (y, n) => relu(sum(mul(y, perChannel(n) as never), perChannel(n)))],
    ['a residual', (y) => sum(y, input(...y.shape))],
    ['a residual in front, and an activation', (y) => relu(sum(input(...y.shape), y))],
    ['a norm, a residual and an activation', (y, n) => tanh(sum(normalizeByStatistics(y, { mean: input(n), variance: mul(input(n), 0) }, [input(n), input(n)], 1), input(...y.shape)))],
  ];
  const both = [false, true].flatMap((bias) => steps.map(([step, then]) => [`${step}${bias ? ', behind a bias of its own' : ''}`, bias, then] as const));
  test.each(both)('with %s', (_step, bias, then) => {
    const n = channels(name, shape);
    const value = withoutTracking(() => then(make(input(2, 6, 7, 5), input(...shape), bias ? input(n) : undefined), n));
    const fused = rows(value);
    expect(fused.filter((row) => row.startsWith('conv'))).toHaveLength(1);
    // Of what is left, nothing has the size of an image: a norm's scale and shift are one instruction of vectors, and images are copied into order.
    const own = bias && _step.startsWith('a bias') ? 1 : 0;
    expect(fused.filter((row) => row === 'pointwise').length).toBeLessThanOrEqual(_step.includes('norm') ? 2 : own);
    expect(evaluate(value, { fuse: true })).toEqual(evaluate(value, { fuse: false }));
  });
});

test('a block with residuals in evaluation is a convolution for each norm, and their numbers', () => {
  const norm = (y: Tensor, n: number): Tensor => normalizeByStatistics(y, { mean: input(n), variance: input(n) }, [input(n), input(n)], 1e-5);
  const value = withoutTracking(() => {
    const x = relu(norm(conv2d(input(1, 3, 8, 8), input(4, 3, 3, 3) as never, undefined, { padding: 1 }), 4));
    const body = norm(conv2d(relu(norm(conv2d(x, input(8, 4, 3, 3) as never, undefined, { stride: 2, padding: 1 }), 8)), input(8, 8, 3, 3) as never, undefined, { padding: 1 }), 8);
    return relu(sum(body, norm(conv2d(x, input(8, 4, 1, 1) as never, undefined, { stride: 2 }), 8)));
  });
  expect(rows(value).filter((row) => row.startsWith('conv'))).toHaveLength(4);
  expect(rows(value).filter((row) => row === 'pointwise')).toHaveLength(4);
  expect(evaluate(value, { fuse: true })).toEqual(evaluate(value, { fuse: false }));
});

test('what is no step, or comes in another order, is not done on the tile, and right all the same', () => {
  const y = (): Tensor => conv2d(input(2, 3, 6, 5), input(5, 3, 3, 3) as never);
  const others: readonly ((y: Tensor) => Tensor)[] = [
    (own) => sub(own, perChannel(5) as never),
    (own) => mul(own, input(2, 5, 1, 1) as never),
    (own) => mul(sum(own, input(...own.shape)), perChannel(5) as never),
    (own) => mul(own, own as never),
    (own) => sum(own, input(3)),
    (own) => mul(mul(own, perChannel(5) as never), perChannel(5) as never),
    (own) => relu(mul(relu(own), perChannel(5) as never)),
  ];
  for (const other of others) {
    const value = withoutTracking(() => other(y()));
    expect(rows(value)).toContain('pointwise');
    expect(evaluate(value, { fuse: true })).toEqual(evaluate(value, { fuse: false }));
  }
});

test('a product of matrices takes a bias only', () => {
  const value = withoutTracking(() => relu(add(mul(linear(input(4, 3), input(5, 3) as never), input(5) as never), input(5) as never)));
  expect(rows(value)).toEqual(['gemm', 'pointwise']);
});
