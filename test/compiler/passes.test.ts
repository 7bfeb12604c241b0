import { describe, expect, test } from 'vitest';
import { nn } from 'anneal';
import { decompose } from '../../src/compiler/decompose.js';
import { fuse } from '../../src/compiler/fuse.js';
import { buildGraph, type Wanted } from '../../src/compiler/graph.js';
import { lower } from '../../src/compiler/lower.js';
import { planMemory } from '../../src/compiler/memory.js';
import { print } from '../../src/compiler/print.js';
import { gradients } from '../../src/graph/autodiff.js';
import { withoutTracking } from '../../src/graph/recorder.js';
import { binaryCrossEntropy } from '../../src/ops/binary-cross-entropy.js';
import { ctc } from '../../src/ops/ctc.js';
import { avgPool2d, conv2d, crossEntropy, groupNorm, instanceNorm, linear, maxPool2d, mean, mul, relu, scaledDotProductAttention, sum } from '../../src/ops/index.js';
import { fromArray } from '../../src/ops/leaf.js';
import { normalizeChannels } from '../../src/ops/norms.js';
import { loadNative } from '../../src/runtime/binding.js';
import type { Shape } from '../../src/shape.js';
import type { Tensor } from '../../src/tensor.js';
import { Parameter } from '../../src/parameter.js';

const native = loadNative();
const input = (...shape: number[]): Tensor => fromArray(new Float32Array(shape.reduce((a, b) => a * b, 1)), shape, 'float32');
const parameter = (...shape: number[]): Parameter => new Parameter(shape, () => input(...shape));

const labelsOf = (n: number): Tensor<Shape, 'int32'> => fromArray(new Int32Array(n), [n], 'int32') as Tensor<Shape, 'int32'>;

function programOf(results: readonly Tensor[], options = { fuse: true }): string {
  const wanted = decompose(results, true).map((tensor, index): Wanted => ({ tensor, destination: { to: 'view', index } }));
  const graph = buildGraph(wanted, []);
  return print(lower(graph, fuse(graph, options), native), native.opcodeName);
}

describe('programs, printed', () => {
  test('a chain of pointwise ops is one instruction, whatever broadcasts', () => {
    const x = input(4, 3);
    expect(programOf([x.mul(2).add(input(3)).tanh()])).toMatchInlineSnapshot(`">3[4,3] = pointwise(@0[4,3] @1[4,3:0,0] @2[4,3:0,1]) {r3=mul(r0 r1) r4=add(r3 r2) r5=tanh(r4) -> r5}"`);
  });

  test('a number that several gradient rules have is read once', () => {
    const x = parameter(4);
    const [dx] = gradients([sum(x.tanh().tanh())], [x]);
    expect(programOf([dx!])).toMatchInlineSnapshot(`">3[4] = pointwise(@1[4] @2[4:0] @0[4:0]) {r3=tanh(r0) r4=tanh(r3) r5=mul(r4 r4) r6=sub(r1 r5) r7=mul(r2 r6) r8=mul(r3 r3) r9=sub(r1 r8) r10=mul(r7 r9) -> r10}"`);
  });

  test('without fusion every op is an instruction of its own', () => {
    expect(programOf([input(4).mul(2).exp()], { fuse: false })).toMatchInlineSnapshot(`
      "%2[4] = pointwise(@0[4] @1[4:0]) {r2=mul(r0 r1) -> r2}
      >3[4] = pointwise(%2[4]) {r1=exp(r0) -> r1}"
    `);
  });

  test('a linear layer and its activation are one gemm', () => {
    expect(programOf([relu(linear(input(8, 5), parameter(3, 5) as Tensor, parameter(3)))])).toMatchInlineSnapshot(`">0[8,3] = gemm(@1[8,5] @2[5,3:1,5] @3[3]) {1 0}"`);
  });

  test('a product plus a bias, by hand, is one gemm as well', () => {
    expect(programOf([input(8, 5).matmul(input(5, 3)).add(input(3)).relu()])).toMatchInlineSnapshot(`">1[8,3] = gemm(@3[8,5] @2[5,3] @0[3]) {1 0}"`);
  });

  test('a weight that is frozen below additions of lora() has no gradient, and the input of the lowest one neither', () => {
    const results = (adapt: boolean): string[] => {
      const model = nn.sequential([16], nn.linear(16, 32, { bias: false }), nn.relu(), nn.linear(32, 8, { bias: false }));
      const trained = adapt ? nn.lora(model, { rank: 2 }).parameters() : model.parameters();
      for (const one of model.parameters()) one.initialize(() => input(...one.shape));
      const program = programOf(gradients([sum(model.forward(input(4, 16)) as Tensor)], trained) as Tensor[]);
      return [...program.matchAll(/[%>]\d+(\[[\d,]+\])(?: [%>]\d+\[[\d,]+\])* = gemm/g)].map(([, shape]) => shape!);
    };
    expect(results(false)).toEqual(expect.arrayContaining(['[32,16]', '[8,32]']));
    const adapted = results(true);
    for (const shape of ['[32,16]', '[8,32]', '[4,16]']) expect(adapted).not.toContain(shape);
    expect(adapted).toEqual(expect.arrayContaining(['[2,16]', '[32,2]', '[2,32]', '[8,2]']));
  });

  const poolings: [string, (x: Tensor, kernelSize: number) => Tensor][] = [['avgPool2d', avgPool2d], ['maxPool2d', maxPool2d]];
  test.each(poolings)('%s of a convolution leaves channels last: nothing is copied between convolutions', (name, pool) => {
    const [w1, w2] = [parameter(4, 3, 3, 3), parameter(2, 4, 3, 3)];
    const y = withoutTracking(() => conv2d(pool(relu(conv2d(input(8, 3, 6, 6), w1 as Tensor)), 2), w2 as Tensor, undefined, { padding: 1 }), true);
    const loss = withoutTracking(() => sum(mul(y, y)), true);
    const program = programOf([y, ...gradients([loss], [w1, w2]) as Tensor[]]);
    const lines = program.split('\n');
    expect(lines.filter((line) => line.includes('pool')).map((line) => /\w+\(.*\)/.exec(line)![0].replace(/%\d+/g, '%'))).toEqual(
      name === 'avgPool2d' ? ['pool(%[8,1,4,4,4])', 'pool_grad(%[8,1,2,2,4])'] : ['max_pool(%[8,1,4,4,4])', 'max_pool_grad(%[8,1,2,2,4] %[8,1,2,2,4])'],
    );
    // What there is are images that come row-major, and a result that has to be so.
    expect(lines.filter((line) => line.includes('copy(') && !line.includes('copy(@') && !line.startsWith('>'))).toEqual([]);
  });

  const norms: [string, (x: Tensor) => Tensor, string][] = [
    ['batchNorm', (x) => normalizeChannels('batchNorm', x, undefined, undefined, 1e-5).y, '[1,128,4,1]'],
    ['instanceNorm', (x) => instanceNorm(x), '[8,16,4,1]'],
    ['groupNorm', (x) => groupNorm(x, 2), '[8,16,2,2]'],
  ];
  test.each(norms)('%s of a convolution is one instruction each way, down channels that lie side by side', (_name, norm, seen) => {
    const [w1, w2] = [parameter(4, 3, 3, 3), parameter(2, 4, 3, 3)];
    const y = withoutTracking(() => conv2d(norm(conv2d(input(8, 3, 6, 6), w1 as Tensor)), w2 as Tensor), true);
    const loss = withoutTracking(() => sum(mul(y, y)), true);
    const lines = programOf([y, ...gradients([loss], [w1, w2]) as Tensor[]]).split('\n');
    expect(lines.filter((line) => line.includes('norm')).map((line) => /(\w+\()%\d+(\[[\d,]+\])/.exec(line)!.slice(1).join(''))).toEqual([`norm(${seen}`, `norm_grad(${seen}`]);
    expect(lines.filter((line) => line.includes('copy(') && !line.includes('copy(@') && !line.startsWith('>'))).toEqual([]);
  });

  test('the gradient of an activation is the mask of the gemm that makes it', () => {
    const [w1, w2] = [parameter(4, 5), parameter(3, 4)];
    const y = withoutTracking(() => mean(linear(relu(linear(input(8, 5), w1 as Tensor)), w2 as Tensor)), true);
    const [d1, d2] = gradients([y], [w1, w2]);
    expect(programOf([d1!, d2!])).toMatchInlineSnapshot(`
      "%0[8,4] = gemm(@1[8,5] @2[5,4:1,5] -) {1 0}
      %5[] = pointwise(@3[] @4[]) {r2=div(r0 r1) -> r2}
      %8[8,3] = copy(%5[8,3:0,0])
      %6[8,4] = gemm(%8[8,3] @7[3,4] - %0[8,4]) {0 1}
      >9[4,5] = gemm(%6[4,8:1,4] @1[8,5] -) {0 0}
      %10[3,8] = copy(%5[3,8:0,0])
      >11[3,4] = gemm(%10[3,8] %0[8,4] -) {0 0}"
    `);
  });

  test('cross-entropy and its gradient are one instruction, unless the gradient waits for the loss', () => {
    const logits = parameter(8, 5);
    const step = (loss: (losses: Tensor) => Tensor): string => {
      const labels = fromArray(new Int32Array(8), [8], 'int32');
      const y = withoutTracking(() => loss(crossEntropy(logits as Tensor, labels as Tensor<Shape, 'int32'>)), true);
      return programOf([y, ...gradients([y], [logits])] as Tensor[]);
    };
    expect(step((losses) => mean(losses)).match(/cross_entropy/g)).toHaveLength(1);
    expect(step((losses) => mean(mul(losses, losses))).match(/cross_entropy/g)).toHaveLength(2);
  });

  test.each([
    ['of smoothed labels', (x: Tensor) => crossEntropy(x, labelsOf(8), { labelSmoothing: 0.1, classWeights: input(5) }), 'soft_cross_entropy'],
    ['of probabilities', (x: Tensor) => crossEntropy(x, input(8, 5)), 'soft_cross_entropy'],
    ['of sequences', (x: Tensor) => ctc(x.reshape([2, 4, 5]), fromArray(new Int32Array(6), [2, 3], 'int32'), labelsOf(2), labelsOf(2), { blank: 0, zeroInfinity: false }), 'ctc'],
  ] as const)('so are a loss %s and its gradient', (_name, loss, row) => {
    const logits = parameter(8, 5);
    const y = withoutTracking(() => mean(loss(logits as Tensor)), true);
    expect(programOf([y, ...gradients([y], [logits])] as Tensor[]).match(new RegExp(` ${row}\\(`, 'g'))).toHaveLength(1);
  });

  test('binary cross-entropy with its sigmoid is one pass, and its gradient another', () => {
    const x = parameter(8, 5);
    const y = withoutTracking(() => binaryCrossEntropy(x as Tensor, input(8, 5)), true);
    const dy = gradients([withoutTracking(() => sum(y), true)], [x]);
    expect(programOf([y]).match(/pointwise/g)).toHaveLength(1);
    expect(programOf(dy as Tensor[]).match(/pointwise/g)).toHaveLength(1);
  });

  test('steps in front of the batch are read by strides', () => {
    const turned = input(4, 2, 5).transpose(0, 1);
    expect(programOf([ctc(turned, fromArray(new Int32Array(6), [2, 3], 'int32'), labelsOf(2), labelsOf(2), { blank: 0, zeroInfinity: false })])).not.toContain('copy');
  });

  test('what one op reads transposed is read by strides, not copied', () => {
    const x = input(4, 3);
    expect(programOf([x.t().matmul(x), x.t().add(1)])).toMatchInlineSnapshot(`
      ">1[3,3] = gemm(@0[3,4:1,3] @0[4,3] -) {0 0}
      >3[3,4] = pointwise(@0[3,4:1,3] @2[3,4:0,0]) {r2=add(r0 r1) -> r2}"
    `);
  });

  test('a bias along the rows of a square product is none along its columns', () => {
    expect(programOf([input(3, 4).matmul(input(4, 3)).add(input(3, 1))])).toMatchInlineSnapshot(`
      "%2[3,3] = gemm(@1[3,4] @0[4,3] -) {0 0}
      >4[3,3] = pointwise(%2[3,3] @3[3,3:1,0]) {r2=add(r0 r1) -> r2}"
    `);
  });

  test('what is computed of a transposed array lies as that does, and is summed as a whole without strides', () => {
    const x = input(4, 3);
    expect(programOf([x.t().exp().sum()])).toMatchInlineSnapshot(`
      "%1[4,3] = pointwise(@0[4,3]) {r1=exp(r0) -> r1}
      >2[1,1] = reduce(%1[4,3]) {0 0 0}"
    `);
    // Row-major with the others where they differ.
    expect(programOf([x.t().add(input(3, 4)).sum()])).toMatchInlineSnapshot(`
      "%2[3,4] = pointwise(@0[3,4:1,3] @1[3,4]) {r2=add(r0 r1) -> r2}
      >3[1,1] = reduce(%2[3,4]) {0 0 0}"
    `);
  });

  test('each result of a chain has its own order, as if it was computed alone', () => {
    const [x, y] = [input(4, 3), input(3, 4)];
    const transposed = x.t().exp();
    const both = transposed.add(y);
    expect(programOf([transposed.sum(), both.sum()])).toMatchInlineSnapshot(`
      "%3[3,4] %4[3,4] = pointwise(@0[3,4:1,3] @1[3,4]) {r2=exp(r0) r3=add(r2 r1) -> r2 r3}
      %2[3,4:1,3] = copy(%3[3,4])
      >5[1,1] = reduce(%2[4,3]) {0 0 0}
      >6[1,1] = reduce(%4[3,4]) {0 0 0}"
    `);
  });

  test('a new storage keeps the order of what it holds, an array is row-major', () => {
    const result = input(4, 3).t().exp();
    const graph = buildGraph([{ tensor: result, destination: { to: 'storage', index: 0 } }, { tensor: result, destination: { to: 'view', index: 0 } }], []);
    expect(print(lower(graph, fuse(graph), native), native.opcodeName)).toMatchInlineSnapshot(`
      ">1[4,3] = pointwise(@0[4,3]) {r1=exp(r0) -> r1}
      >2[3,4] = copy(>1[3,4:1,3])"
    `);
  });

  test('a leaf is overwritten in place, unless something reads what it holds', () => {
    const [x, leaf] = [input(4), parameter(4)];
    const overwriting = (result: Tensor): string => {
      const graph = buildGraph([{ tensor: result, destination: { to: 'leaf', leaf } }], []);
      return print(lower(graph, fuse(graph), native), native.opcodeName);
    };
    expect(overwriting(x.exp())).toMatchInlineSnapshot(`">1[4] = pointwise(@0[4]) {r1=exp(r0) -> r1}"`);
    expect(overwriting(withoutTracking(() => x.add(leaf)))).toContain('copy');
  });

  test('equal nodes are computed once', () => {
    const x = input(4);
    expect(programOf([x.exp().add(x.exp())])).toMatchInlineSnapshot(`">1[4] = pointwise(@0[4]) {r1=exp(r0) r2=add(r1 r1) -> r2}"`);
  });
});

test('attention reads heads where they lie beside each other, and leaves y and gradients so', () => {
  const x = parameter(2, 5, 3 * 4);
  const heads = (i: number): Tensor => x.slice(4 * i, 4 * (i + 1), { axis: 2 }).reshape([2, 5, 2, 2]).permute([0, 2, 1, 3]);
  const y = scaledDotProductAttention(heads(0), heads(1), heads(2), { isCausal: true }).permute([0, 2, 1, 3]).reshape([2, 5, 4]);
  const program = programOf([gradients([sum(y.tanh())], [x])[0]!]);
  expect(program.split('\n').filter((line) => line.includes('attention')).join('\n')).toMatchInlineSnapshot(`
    "%1[2,2,5,2:20,2,4,1] %2[2,2,5] = attention(@0[2,2,5,2:60,2,12,1] @0[2,2,5,2:60,2,12,1+4] @0[2,2,5,2:60,2,12,1+8] - - -) {1060439283 1 1065353216 1065353216}
    %6[2,2,5,2:20,2,4,1] %7[2,2,5,2:20,2,4,1] %8[2,2,5,2:20,2,4,1] = attention_grad(@0[2,2,5,2:60,2,12,1] @0[2,2,5,2:60,2,12,1+4] @0[2,2,5,2:60,2,12,1+8] - - - %1[2,2,5,2:20,2,4,1] %5[2,2,5,2:20,2,4,1] %2[2,2,5] -) {1060439283 1 1065353216 1065353216}"
  `);
  expect(program.split('\n').slice(0, 3).map((line) => line.replace(/.* = (\w+).*/, '$1'))).toEqual(['attention', 'pointwise', 'attention_grad']);
});

test('attention and its gradients hold no scores', () => {
  const heads = parameter(1, 1, 4096, 8);
  const wanted = decompose([gradients([sum(scaledDotProductAttention(heads, heads, heads, { dropout: 0.1 }).tanh())], [heads])[0]!], true);
  const graph = buildGraph(wanted.map((tensor, index): Wanted => ({ tensor, destination: { to: 'view', index } })), []);
  expect(planMemory(lower(graph, fuse(graph), native), native).arenaBytes).toBeLessThan(10 * 4096 * 8 * 4);
});

test('chains that would wait for each other in a circle stay apart', () => {
  const x = input(4, 4);
  const a = x.exp();
  const between = a.matmul(x);
  const program = programOf([a.add(between).mul(2), a.tanh()]);
  const rows = program.split('\n').map((line) => line.replace(/.* = (\w+).*/, '$1'));
  expect(rows).toEqual(['pointwise', 'gemm', 'pointwise']);
});

test('temporaries that are not needed at the same time share bytes', () => {
  let x = input(64, 64);
  for (let i = 0; i < 10; i++) x = x.matmul(input(64, 64));
  const graph = buildGraph([{ tensor: x, destination: { to: 'view', index: 0 } }], []);
  const { arenaBytes } = planMemory(lower(graph, fuse(graph), native), native);
  expect(arenaBytes).toBeLessThan(2.2 * 64 * 64 * 4);
});

test('large temporaries that live together are staggered', () => {
  // Each of 2^20 bytes, all alive until the end.
  const parts = Array.from({ length: 6 }, () => input(512, 512).matmul(input(512, 512)));
  const x = parts.toReversed().reduce((sum, part) => sum.matmul(part));
  const graph = buildGraph([{ tensor: x, destination: { to: 'view', index: 0 } }], []);
  const offsets = [...planMemory(lower(graph, fuse(graph), native), native).offsets.values()];
  const distances = offsets.flatMap((a, i) => offsets.slice(i + 1).map((b) => Math.abs(a - b)));
  expect(distances.filter((distance) => distance > 0 && distance % 4096 === 0)).toEqual([]);
  expect(new Set(offsets).size).toBeGreaterThan(2);
});
