// Norms that take the two terms of a sum, and what is added to their gradients: as many instructions as are to be, and the bits of the separate ones.
import { describe, expect, test } from 'vitest';
import { decompose } from '../../src/compiler/decompose.js';
import { fuse } from '../../src/compiler/fuse.js';
import { buildGraph } from '../../src/compiler/graph.js';
import { lower } from '../../src/compiler/lower.js';
import { print } from '../../src/compiler/print.js';
import { gradients } from '../../src/graph/autodiff.js';
import { withoutTracking } from '../../src/graph/recorder.js';
import { add, layerNorm, mul, permute, relu, rmsNorm, sum } from '../../src/ops/index.js';
import { fromArray } from '../../src/ops/leaf.js';
import { loadNative } from '../../src/runtime/binding.js';
import { evaluate } from '../../src/runtime/oracle.js';
import type { Tensor } from '../../src/tensor.js';

const native = loadNative();
let state = 1;
const next = (): number => ((state = (state * 48271) % 2147483647) / 2147483647) * 2 - 1;
const input = (...shape: number[]): Tensor => fromArray(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, next), shape, 'float32');
const plus = (a: Tensor, b: Tensor): Tensor => add(a, b as never);

function lowered(values: readonly Tensor[]) {
  const graph = buildGraph(decompose(values, true).map((tensor, index) => ({ tensor, destination: { to: 'view', index } })), []);
  return lower(graph, fuse(graph), native);
}

/** Rows of the instructions that values take. */
const rows = (...values: Tensor[]): readonly string[] => lowered(values).instructions.map(({ row }) => row);

function expectSameBits(...values: Tensor[]): void {
  for (const value of values) expect(evaluate(value, { fuse: true })).toEqual(evaluate(value, { fuse: false }));
}

const norms: readonly [name: string, norm: (x: Tensor, F: number) => Tensor][] = [
  ['layerNorm', (x, F) => layerNorm(x, [F], input(F) as never, input(F) as never) as Tensor],
  ['layerNorm without a weight', (x, F) => layerNorm(x, [F]) as Tensor],
  ['rmsNorm', (x, F) => rmsNorm(x, [F], input(F) as never) as Tensor],
];

describe.each(norms)('%s', (_name, norm) => {
  test.each([[3, 7], [5, 128], [9, 1025], [40, 33]])('of a sum [%i, %i] is one instruction, which writes the sum if anybody reads it', (N, F) => {
    const [x, f] = [input(N, F), input(N, F)];
    const [h, y] = withoutTracking(() => {
      const both = plus(x, f);
      return [both, norm(both, F)];
    });
    expect(rows(y)).toEqual(['norm']);
    expect(rows(h, y)).toEqual(['norm']);
    expectSameBits(h, y);
  });

  test('of a chain, or of terms that are broadcast, is done behind it', () => {
    const y = withoutTracking(() => norm(plus(input(4, 6), mul(input(4, 6), input(4, 6) as never) as Tensor), 6));
    expect(rows(y)).toEqual(['pointwise', 'norm']);
    const broadcast = withoutTracking(() => norm(plus(input(4, 6), input(6)), 6));
    expect(rows(broadcast)).toEqual(['pointwise', 'norm']);
    expectSameBits(y, broadcast);
  });

  test('of terms in another order keeps the order of their sum', () => {
    const turned = (): Tensor => permute(input(6, 4), [1, 0]) as Tensor;
    const [h, y] = withoutTracking(() => {
      const both = plus(turned(), turned());
      return [sum(both) as Tensor, norm(both, 6)];
    });
    expect(rows(h, y)).toContain('pointwise');
    expectSameBits(h, y);
    const mixed = withoutTracking(() => norm(plus(turned(), input(4, 6)), 6));
    expect(rows(mixed)).toEqual(['copy', 'norm']);
    expectSameBits(mixed);
  });

  test.each([[3, 7], [5, 128], [9, 1025], [40, 33]])('adds the gradient that passes by to its own, [%i, %i]', (N, F) => {
    const x = input(N, F).requireGrad();
    // A pre-norm block: x + f(norm(x)).
    const loss = sum(mul(plus(x, relu(norm(x, F)) as Tensor), input(N, F) as never)) as Tensor;
    const [dx] = gradients([loss], [x]);
    const all = rows(dx!);
    expect(all.filter((row) => row === 'norm_grad')).toHaveLength(1);
    expect(all.at(-1)).toBe('norm_grad');
    expectSameBits(dx!);
  });
});

test('two norms of one sum: the first adds, the second reads', () => {
  const both = withoutTracking(() => plus(input(4, 6), input(4, 6)));
  const [a, b] = withoutTracking(() => [layerNorm(both, [6]) as Tensor, rmsNorm(both, [6]) as Tensor]);
  expect(rows(a, b)).toEqual(['norm', 'norm']);
  expectSameBits(a, b);
});

test('a sum that is its own weight is added up first', () => {
  const y = withoutTracking(() => {
    const both = plus(input(6), input(6));
    return layerNorm(both, [6], both as never) as Tensor;
  });
  expect(rows(y)).toEqual(['pointwise', 'norm']);
  expectSameBits(y);
});

test('a sum shows among the outputs of its norm', () => {
  const y = withoutTracking(() => {
    const both = plus(input(2, 3), input(2, 3));
    return mul(layerNorm(both, [3]), both as never) as Tensor;
  });
  expect(print(lowered([y]), native.opcodeName)).toMatchInlineSnapshot(`
    "%3[2,1,1,3] - - %2[2,1,1,3] = norm(@0[2,1,1,3] - - @1[2,1,1,3]) {1 925353388}
    >4[2,3] = pointwise(%3[2,3] %2[2,3]) {r2=mul(r0 r1) -> r2}"
  `);
});
