// Logits of a large vocabulary, their loss and its gradients: done in chunks of rows, with the bits that they have as a whole.
import { describe, expect, test } from 'vitest';
import { chunksOf } from '../../src/compiler/chunk.js';
import { lowerAll } from '../../src/compiler/compile.js';
import { planMemory } from '../../src/compiler/memory.js';
import { gradients } from '../../src/graph/autodiff.js';
import { withoutTracking } from '../../src/graph/recorder.js';
import { argmax, cast, concat, crossEntropy, linear, matmul, mean, mul, reshape, sum, tanh } from '../../src/ops/index.js';
import { fromArray } from '../../src/ops/leaf.js';
import { loadNative } from '../../src/runtime/binding.js';
import { evaluate } from '../../src/runtime/oracle.js';
import { sizeOf, type Shape } from '../../src/shape.js';
import type { Tensor } from '../../src/tensor.js';
import { losses, tensor } from 'anneal';

const native = loadNative();
let state = 1;
const next = (): number => ((state = (state * 48271) % 2147483647) / 2147483647) * 2 - 1;
const floats = (...shape: number[]): Tensor => fromArray(Float32Array.from({ length: sizeOf(shape) }, next), shape, 'float32');
const learned = (...shape: number[]): Tensor => tensor(Float32Array.from({ length: sizeOf(shape) }, next), { shape, requiresGrad: true });
const labelsOf = (V: number, ...shape: number[]): Tensor<Shape, 'int32'> =>
  fromArray(Int32Array.from({ length: sizeOf(shape) }, (_, i) => (i * 7919) % V), shape, 'int32') as Tensor<Shape, 'int32'>;

/** So many columns that the logits are large. */
const vocabulary = (rows: number): number => Math.ceil(2 ** 24 / rows);
const K = 64;

/** The loss and all gradients, side by side. */
function whole(loss: Tensor, targets: readonly Tensor[]): Tensor {
  return withoutTracking(() => concat([loss, ...gradients([loss], targets)].map((each) => reshape(each!, [sizeOf(each!.shape)])) as unknown as [Tensor, Tensor]) as Tensor);
}

/** Rows of the instructions, and the bytes of temporaries. */
function planOf(results: readonly Tensor[]): { rows: readonly string[]; bytes: number } {
  const { lowered } = lowerAll(results.map((tensor, index) => ({ tensor, destination: { to: 'view', index } })), [], native, { fuse: true, whole: true });
  return { rows: lowered.instructions.map(({ row }) => row), bytes: planMemory(lowered, native).arenaBytes };
}

const count = (rows: readonly string[], row: string): number => rows.filter((each) => each === row).length;

test('chunks are of 256 rows, the last one of up to 288', () => {
  expect(chunksOf(1025).map(({ first, size }) => [first, size])).toEqual([[0, 256], [256, 256], [512, 256], [768, 257]]);
  expect(chunksOf(545).map(({ size }) => size)).toEqual([256, 256, 33]);
  expect(chunksOf(544).map(({ size }) => size)).toEqual([256, 288]);
});

describe.each([513, 700, 1281])('%i tokens', (rows) => {
  const V = vocabulary(rows);
  const cases: readonly [string, () => Tensor][] = [
    ['without a bias', () => { const [x, w] = [learned(rows, K), learned(V, K)]; return whole(mean(crossEntropy(linear(x, w), labelsOf(V, rows))), [x, w]); }],
    ['with a bias', () => { const [x, w, b] = [learned(rows, K), learned(V, K), learned(V)]; return whole(sum(crossEntropy(linear(x, w, b as never), labelsOf(V, rows))), [x, w, b]); }],
    ['of a weight the other way round', () => { const [x, w] = [learned(rows, K), learned(K, V)]; return whole(mean(crossEntropy(matmul(x, w as never), labelsOf(V, rows))), [x, w]); }],
  ];
  test.each(cases)('%s have the bits of the whole', (_, make) => {
    const value = make();
    expect(Buffer.from(evaluate(value, { fuse: true }).buffer).equals(Buffer.from(evaluate(value, { fuse: false }).buffer))).toBe(true);
  });
});

describe('the loss and gradients of 4 x 175 tokens', () => {
  const [B, T] = [4, 175];
  const V = vocabulary(B * T);
  const make = (loss: (logits: Tensor) => Tensor, bias = false): { loss: Tensor; results: Tensor[] } => {
    const [x, w, b] = [learned(B, T, K), learned(V, K), learned(V)];
    const value = loss(linear(x, w, bias ? (b as never) : undefined));
    return { loss: value, results: withoutTracking(() => [value, ...gradients([value], bias ? [x, w, b] : [x, w])]) as Tensor[] };
  };
  const each = (logits: Tensor): Tensor => crossEntropy(logits, labelsOf(V, B, T));
  const chunked = 2 * 288 * V * 4;

  test.each([
    ['their mean', each],
    ['smoothed', (logits: Tensor) => crossEntropy(logits, labelsOf(V, B, T), { labelSmoothing: 0.1, classWeights: floats(V) })],
    ['some of which are ignored', (logits: Tensor) => losses.crossEntropy(logits, labelsOf(V, B, T), { ignoreIndex: 3 })],
    ['weighted', (logits: Tensor) => mul(each(logits), floats(B, T))],
  ])('%s, are chunks, in little memory', (_, loss) => {
    const { rows, bytes } = planOf(make((logits) => mean(loss(logits)), true).results);
    expect(count(rows, 'gemm')).toBe(9);
    expect(count(rows, 'cross_entropy') + count(rows, 'soft_cross_entropy')).toBe(3);
    expect(bytes).toBeLessThan(chunked + 12 * V * 4 + 100_000);
  });

  test('have the bits of the whole, smoothed and with class weights', () => {
    const [x, w, b] = [learned(B, T, K), learned(V, K), learned(V)];
    const value = whole(mean(crossEntropy(linear(x, w, b as never), labelsOf(V, B, T), { labelSmoothing: 0.1, classWeights: floats(V) })), [x, w, b]);
    expect(Buffer.from(evaluate(value, { fuse: true }).buffer).equals(Buffer.from(evaluate(value, { fuse: false }).buffer))).toBe(true);
  });

  test('the loss alone is chunks', () => {
    const { rows, bytes } = planOf([make((logits) => mean(each(logits))).loss]);
    expect([count(rows, 'gemm'), count(rows, 'cross_entropy')]).toEqual([3, 3]);
    expect(bytes).toBeLessThan(chunked);
  });

  test.each<[string, (logits: Tensor) => Tensor]>([
    ['somebody else reads the logits', (logits) => mean(each(logits)).add(mean(cast(argmax(logits, { axis: -1 }), 'float32')) as never)],
    ['the gradient needs the loss', (logits) => { const loss = each(logits); return mean(mul(loss, loss)); }],
    ['something else comes between', (logits) => mean(each(tanh(logits)))],
  ])('are whole where %s', (_, loss) => {
    expect(count(planOf(make(loss).results).rows, 'gemm')).toBe(3);
  });

  test('are whole where features are so few that rows of their gradient would be summed in another order', () => {
    const x = learned(B * T, 63);
    const loss = mean(crossEntropy(linear(x, floats(V, 63)), labelsOf(V, B * T)));
    expect(count(planOf(withoutTracking(() => gradients([loss], [x])) as Tensor[]).rows, 'gemm')).toBe(2);
  });

  test('are whole where the logits are asked for', () => {
    const logits = linear(learned(B, T, K), floats(V, K));
    expect(count(planOf([mean(each(logits)), logits]).rows, 'gemm')).toBe(1);
  });

  test('are whole where the logits are few', () => {
    const logits = linear(learned(B * T, K), floats(1000, K));
    expect(count(planOf([mean(crossEntropy(logits, labelsOf(1000, B * T)))]).rows, 'gemm')).toBe(1);
  });
});

test('a label out of range is named by its place among all of them', async () => {
  const [B, T] = [2, 300];
  const V = vocabulary(B * T);
  const labels = labelsOf(V, B, T).data$!.slice();
  labels[555] = V;
  const loss = losses.crossEntropy(linear(tensor(new Float32Array(B * T * K), { shape: [B, T, K] }), tensor(new Float32Array(V * K), { shape: [V, K] })), tensor(labels as Int32Array, { shape: [B, T] }));
  await expect(loss.item()).rejects.toThrow(/555|example 1.*255|\[1, ?255\]/);
});
