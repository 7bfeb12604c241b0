// Layers of language models: tokens, positions, gates, shared weights, and what they say where they are used wrongly.
import { describe, expect, test } from 'vitest';
import { alibi, data, embeddingBag, losses, nn, optim, Parameter, rotaryEmbedding, seed, swiglu, tensor, zeros, type EmbeddingBagOptions, type Tensor } from 'anneal';
import { expectClose } from '../parity/fixtures.js';

const tokens = (values: number[] | number[][]) => tensor(values as number[], { dtype: 'int32' });

describe('embedding', () => {
  test('the row of padding begins as zeros and stays', async () => {
    seed(1);
    const layer = nn.embedding(4, 3, { paddingIdx: 1 });
    const optimizer = optim.sgd(layer.parameters(), { lr: 1 });
    layer.forward(tokens([0, 1, 1, 3])).sum().backward();
    const before = await layer.weight.array();
    await optimizer.step();
    const after = await layer.weight.array();
    expect(before[1]).toEqual([0, 0, 0]);
    expect(after[1]).toEqual([0, 0, 0]);
    expect(after[0]).toEqual(before[0]!.map((value) => Math.fround(value - 1)));
    expect(after[2]).toEqual(before[2]);
  });

  test('the first weights are of mean 0 and deviation 1', async () => {
    seed(3);
    const values = await nn.embedding(200, 50).weight.data();
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(variance - 1)).toBeLessThan(0.05);
  });

  test('stands in a chain of layers, of tokens that a dataset has', async () => {
    const model = nn.sequential([3], nn.embedding(5, 4), nn.learnedPositions(3, 4), nn.flatten(), nn.linear(12, 2));
    expect(model.output).toEqual([2]);
    for await (const [x] of data.loader(data.fromArrays({ x: Int32Array.of(0, 1, 2, 3, 4, 0), y: [0, 1], shape: [3] }), { batchSize: 2 })) expect(model.forward(x as never).shape).toEqual([2, 2]);
  });
});

describe('embeddingBag', () => {
  test('takes what counts: up to the length, without padding, and 0 of nothing', async () => {
    const table = tensor([[1, 10], [2, 20], [4, 40]]);
    const bags = tokens([[0, 2, 1], [2, 2, 2], [1, 0, 1]]);
    const lengths = tensor([2, 0, 3], { dtype: 'int32' });
    const of = (options: EmbeddingBagOptions) => embeddingBag(bags, table, options).array();
    expect(await of({ mode: 'sum', lengths })).toEqual([[5, 50], [0, 0], [5, 50]]);
    expect(await of({ lengths })).toEqual([[2.5, 25], [0, 0], [Math.fround(5 / 3), Math.fround(50 / 3)]]);
    expect(await of({ mode: 'max', lengths })).toEqual([[4, 40], [0, 0], [2, 20]]);
    expect(await of({ mode: 'mean', lengths, paddingIdx: 0 })).toEqual([[4, 40], [0, 0], [2, 20]]);
  });

  test('refuses lengths beyond the bag', async () => {
    await expect((async () => embeddingBag(tokens([[0, 1]]), zeros([3, 2]), { lengths: tensor([3], { dtype: 'int32' }) }).data())()).rejects.toThrow('index out of range at position 0: got 3, expected an integer in [0, 3).');
  });

  test('is a layer', async () => {
    const layer = nn.embeddingBag(3, 2, { mode: 'sum', paddingIdx: 0 });
    await layer.loadStateDict({ weight: Float32Array.of(9, 9, 2, 20, 4, 40) });
    expect(await layer.forward(tokens([[0, 2], [1, 1]])).array()).toEqual([[4, 40], [4, 40]]);
    expect(await layer.forward(tokens([[0, 2], [1, 1]]), { lengths: tensor([1, 1], { dtype: 'int32' }) }).array()).toEqual([[0, 0], [2, 20]]);
    expect(nn.sequential([7], nn.embeddingBag(3, 2), nn.linear(2, 5)).output).toEqual([5]);
  });

  test.each<[() => unknown, string]>([
    [() => embeddingBag(tokens([1]), zeros([3, 2])), '[embeddingBag] the shapes do not fit: got tokens [1], weight [3,2], expected tokens [B,T], weight [numEmbeddings, embeddingDim] and lengths [B].'],
    [() => embeddingBag(tokens([[1]]), zeros([3, 2]), { lengths: tokens([1, 1]) }), '[embeddingBag] the shapes do not fit: got tokens [1,1], weight [3,2], lengths [2], expected'],
    [() => nn.embeddingBag(3, 2, { mode: 'min' as never }), "[embeddingBag] unknown mode: got 'min', expected one of 'mean', 'sum', 'max'."],
    [() => nn.sequential([2, 7] as number[], nn.embeddingBag(3, 2)), '[sequential] layer 0: embeddingBag(3, 2) expects bags [T], but the input has [2,7].'],
  ])('%#', (call, message) => expect(call).toThrow(message));
});

describe('a weight that an embedding and the head share', () => {
  class Tied extends nn.Module {
    readonly wte = nn.embedding(5, 3);
    readonly lmHead = nn.linear(3, 5, { bias: false, weight: this.wte.weight });
    override forward(x: Tensor): Tensor {
      return this.lmHead.forward(this.wte.forward(x as never) as Tensor) as Tensor;
    }
  }

  test('has one name, and is updated once, by the sum of both gradients', async () => {
    seed(2);
    const model = new Tied();
    expect([...model.stateDict().keys()]).toEqual(['wte.weight']);
    const before = await model.wte.weight.data();
    const optimizer = optim.sgd(model.parameters(), { lr: 0.5 });
    losses.crossEntropy(model.forward(tokens([1, 2])), tokens([3, 4])).backward();
    const gradient = await model.wte.weight.grad!.data();
    await optimizer.step();
    const after = await model.wte.weight.data();
    expectClose('weight', after, [...before].map((value, i) => value - 0.5 * gradient[i]!));
    expect(gradient.every((value) => value !== 0)).toBe(true);
  });

  test('is loaded by either of its names, or both', async () => {
    const values = Float32Array.from({ length: 15 }, (_, i) => i);
    for (const names of [['wte.weight'], ['lm_head.weight'], ['wte.weight', 'lm_head.weight']]) {
      const model = new Tied();
      await model.loadStateDict(Object.fromEntries(names.map((name) => [name, values])));
      expect(await model.wte.weight.data()).toEqual(values);
    }
  });

  test('with other values by its other name is refused, and nothing changes', async () => {
    const model = new Tied();
    const before = await model.wte.weight.data();
    const state = { 'wte.weight': new Float32Array(15), 'lmHead.weight': new Float32Array(15).fill(1) };
    await expect(model.loadStateDict(state)).rejects.toThrow("[loadStateDict] 'lmHead.weight' and 'wte.weight' are one weight here, but the state has different values for them. Build a model that does not share it.");
    await expect(model.loadStateDict({ ...state, 'lmHead.weight': new Float32Array(3) })).rejects.toThrow("'lmHead.weight' does not fit: got Float32Array of 3 elements, expected float32 [5,3].");
    expect(await model.wte.weight.data()).toEqual(before);
  });
});

describe('positions', () => {
  test('learned ones are added, and trained as far as sequences reach', async () => {
    const layer = nn.learnedPositions(4, 2);
    await layer.loadStateDict({ weight: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8) });
    const x = zeros([2, 3, 2]);
    expect(await layer.forward(x).array()).toEqual([[[1, 2], [3, 4], [5, 6]], [[1, 2], [3, 4], [5, 6]]]);
    layer.forward(x).sum().backward();
    expect(await layer.weight.grad!.array()).toEqual([[2, 2], [2, 2], [2, 2], [0, 0]]);
  });

  test('sinusoidal ones are sines and cosines in turn', async () => {
    const table = await nn.sinusoidalPositions(5).forward(zeros([1, 3, 5])).array();
    const expected = [0, 1, 2].map((t) => [0, 1, 2, 3, 4].map((k) => (k % 2 === 0 ? Math.sin : Math.cos)(t * 10000 ** (-(k - (k % 2)) / 5))));
    expectClose('table', table.flat(2), expected.flat());
  });

  test('rotations of queries and keys leave products that depend on the distance alone', async () => {
    const head = (key: number): Tensor => tensor(Float32Array.from({ length: 8 }, (_, i) => Math.sin(i * key + 1)), { shape: [1, 1, 8] });
    for (const layout of ['halfSplit', 'interleaved'] as const) {
      const product = async (i: number, j: number): Promise<number> => rotaryEmbedding(head(1.7), { layout, offset: i }).mul(rotaryEmbedding(head(0.6), { layout, offset: j })).sum().item();
      expect(await product(9, 4)).toBeCloseTo(await product(105, 100), 4);
      expect(Math.abs((await product(9, 4)) - (await product(9, 5)))).toBeGreaterThan(0.01);
    }
  });

  test('rotations begin at another position for each example', async () => {
    const x = tensor(Float32Array.from({ length: 16 }, (_, i) => i - 7), { shape: [2, 1, 2, 4] });
    const together = await rotaryEmbedding(x, { offset: [3, 8] }).data();
    const second = await rotaryEmbedding(x.slice(1, 2), { offset: 8 }).data();
    expect(together.slice(8)).toEqual(second);
  });

  test('ALiBi has the slopes of the paper, for powers of two and others', async () => {
    expect((await alibi(8, 2).array() as number[][][]).map((head) => head[1]![0])).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((h) => -(2 ** -h)));
    const six = (await alibi(6, 2).array() as number[][][]).map((head) => head[1]![0]!);
    expectClose('six heads', six, [-(2 ** -2), -(2 ** -4), -(2 ** -6), -(2 ** -8), -(2 ** -1), -(2 ** -3)]);
    expect(await alibi(1, 1, 4, { offset: 2, isCausal: true }).array()).toEqual([[[-2 / 256, -1 / 256, -0, -Infinity]]]);
    expect(alibi(2, 1, 4, { offset: [2, 0] }).shape).toEqual([2, 2, 1, 4]);
  });
});

describe('mistakes', () => {
  test.each<[() => unknown, string]>([
    [() => nn.embedding(5, 2, { maxNorm: 0 }), '[embedding] maxNorm: got 0, expected a number above 0.'],
    [() => nn.embeddingBag(5, 2, { maxNorm: '1' as never }), "[embeddingBag] maxNorm: got '1', expected a number above 0."],
    [() => new Parameter([5], nn.init.zeros(), { maxNorm: 1 }), '[Parameter] maxNorm: got it for [5], expected a table [V, D] that is trained.'],
    [() => nn.linear(2, 5, { weight: nn.embedding(5, 2, { maxNorm: 1 }).weight }), '[linear] weight: got Parameter(unregistered, [5,2]), which has maxNorm, expected one that has not'],
    [() => optim.lbfgs(nn.embedding(5, 2, { maxNorm: 1 }).parameters()), '[lbfgs] got Parameter(weight, [5,2]), which has maxNorm, expected parameters without'],
    [() => nn.embedding(0, 2), '[embedding] numEmbeddings: got 0, expected a whole number of at least 1.'],
    [() => nn.linear(3, 5, { weight: nn.embedding(4 as number, 3).weight }), '[linear] weight: got [4,3], expected a parameter [5,3] of another layer. Where it is an embedding\'s, the layer gives as many features as there are tokens'],
    [() => nn.sequential([9] as number[], nn.embedding(5, 4), nn.learnedPositions(8, 4)), '[sequential] layer 1: learnedPositions(8, 4) has 8 positions, but the layer before it gives 9. Cut the sequences, or make the context longer.'],
    [() => nn.sequential([3] as number[], nn.linear(3, 5), nn.swiglu()), '[sequential] layer 1: swiglu() expects an even number of features, but the layer before it gives 5. Give the layer before it twice as many.'],
    [() => swiglu(zeros([2, 3])), '[swiglu] the last dimension has no halves: got [2,3], expected an even one: values, then their gates.'],
    [() => nn.learnedPositions(4, 2).forward(zeros([1, 5, 2])), '[learnedPositions] the sequence is longer than the context: got 5 positions, expected at most 4. Cut it, or make the context longer: learnedPositions(5, 2).'],
    [() => nn.sinusoidalPositions(4).forward(zeros([1, 5, 2])), '[sinusoidalPositions] the input does not fit: got [1,5,2], expected [B,T,4]: examples, positions, features. Embed tokens first; put the batch in front.'],
    [() => rotaryEmbedding(zeros([2, 3]), { dims: 3 }), '[rotaryEmbedding] dims: got 3 of a head of 3, expected an even number of at least 2 that is not above it.'],
    [() => rotaryEmbedding(zeros([2, 4]), { offset: -1 }), '[rotaryEmbedding] offset: got -1, expected a whole number of at least 0, or one for each of the 1 examples.'],
    [() => rotaryEmbedding(zeros([2, 4]), { layout: 'half' as never }), "[rotaryEmbedding] unknown layout: got 'half', expected one of 'halfSplit', 'interleaved'."],
    [() => alibi(0, 2), '[alibi] heads: got 0, expected a whole number of at least 1.'],
  ])('%#', (call, message) => expect(call).toThrow(message));
});
