// What slices of one tensor, and their gradients, take: copies where they lie side by side, and zeros only where nothing lies.
import { chunk, grad, mul, slice, split, sum, swiglu, tensor, type Tensor } from 'anneal';
import { expect, test } from 'vitest';
import { decompose } from '../../src/compiler/decompose.js';
import { fuse } from '../../src/compiler/fuse.js';
import { buildGraph } from '../../src/compiler/graph.js';
import { lower } from '../../src/compiler/lower.js';
import { loadNative } from '../../src/runtime/binding.js';

const zerosOf = (...shape: number[]): Tensor => tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)), { shape, requiresGrad: true }) as Tensor;

/** Rows of the instructions that a value takes. */
function rows(value: Tensor): readonly string[] {
  const graph = buildGraph(decompose([value], true).map((one, index) => ({ tensor: one, destination: { to: 'view', index } })), []);
  return lower(graph, fuse(graph), loadNative()).instructions.map(({ row }) => row);
}

/** Rows of the gradient of the sum of squares over parts of x. */
function gradientRows(x: Tensor, parts: readonly Tensor[]): readonly string[] {
  const loss = parts.map((part) => sum(mul(part, part)) as Tensor).reduce((a, b) => a.add(b as never) as Tensor);
  return rows(grad(loss, [x])[0]!);
}

const count = (all: readonly string[], row: string): number => all.filter((one) => one === row).length;

test('parts are views', () => {
  const [a, b] = split(zerosOf(4, 6).mul(2) as Tensor, 3, 1) as [Tensor, Tensor];
  expect(rows(mul(a, b) as Tensor)).toEqual(['pointwise', 'pointwise']);
});

test('the gradient of all of a tensor is a copy for each part, and no zeros', () => {
  const x = zerosOf(2, 6);
  const whole = gradientRows(x, split(x, [1, 3, 2], 1));
  expect([count(whole, 'fill'), count(whole, 'copy')]).toEqual([0, 3]);
  const y = zerosOf(2, 6);
  const everySecond = gradientRows(y, [slice(y, 1, 6, { axis: 1, step: 2 }), slice(y, 0, 6, { axis: 1, step: 2 })] as Tensor[]);
  expect([count(everySecond, 'fill'), count(everySecond, 'copy')]).toEqual([0, 2]);
  const z = zerosOf(3, 8);
  expect(count(rows(grad(swiglu(z).sum() as Tensor, [z])[0]!), 'fill')).toBe(0);
});

test('the gradient of some of it is filled once', () => {
  const x = zerosOf(7);
  const some = gradientRows(x, [slice(x, 5), slice(x, 1, 3)] as Tensor[]);
  expect([count(some, 'fill'), count(some, 'copy')]).toEqual([1, 2]);
});

test('parts that meet, or lie along two axes, are added up', () => {
  const x = zerosOf(4, 4);
  expect(count(gradientRows(x, [slice(x, 0, 3), slice(x, 2)] as Tensor[]), 'fill')).toBe(2);
  const y = zerosOf(4, 4);
  expect(count(gradientRows(y, [slice(y, 0, 2), ...chunk(y, 2, 1)] as Tensor[]), 'fill')).toBeGreaterThan(0);
});
