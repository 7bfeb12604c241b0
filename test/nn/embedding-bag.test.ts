import { expect, test } from 'vitest';
import { nn, tensor } from 'anneal';

const values = Float32Array.of(1, 2, 3, 4, -5, 6);
const bagOf = async (mode?: 'mean' | 'sum' | 'max'): Promise<nn.EmbeddingBag> => {
  const bag = nn.embeddingBag(3, 2, { mode });
  await bag.loadStateDict(new Map([['weight', tensor(values, { shape: [3, 2] })]]));
  return bag as nn.EmbeddingBag;
};
const bags = tensor([[0, 2, 2], [1, 0, 1]], { dtype: 'int32' });

test.each([
  ['mean', [-3, 14 / 3, 7 / 3, 10 / 3]],
  ['sum', [-9, 14, 7, 10]],
  ['max', [1, 6, 3, 4]],
] as const)('mode %s', async (mode, expected) => {
  (await (await bagOf(mode)).forward(bags).data()).forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 6));
});

test('the mean is the default, as in PyTorch', () => {
  expect(nn.embeddingBag(3, 2).mode).toBe('mean');
});

test('weights count in sums, with slopes for the table', async () => {
  const bag = await bagOf('sum');
  const y = bag.forward(bags, { perSampleWeights: tensor([[1, 0.5, 0], [2, 0, 0]]) });
  expect([...(await y.data())]).toEqual([-1.5, 5, 6, 8]);
  bag.forward(bags, { perSampleWeights: tensor([[1, 0.5, 0], [2, 0, 0]]) }).sum().backward();
  expect([...(await bag.weight.grad!.data())]).toEqual([1, 1, 2, 2, 0.5, 0.5]);
});

test('what does not fit is refused', async () => {
  expect(() => nn.embeddingBag(3, 2, { mode: 'average' as never })).toThrow("[embeddingBag] unknown mode: got 'average', expected one of 'mean', 'sum', 'max'");
  expect(() => nn.embeddingBag(-1, 2)).toThrow('[embeddingBag] numEmbeddings: got -1');
  const bag = await bagOf('mean');
  expect(() => bag.forward(bags, { perSampleWeights: tensor([[1, 1, 1], [1, 1, 1]]) })).toThrow("[embeddingBag] perSampleWeights: got them with mode 'mean', expected mode 'sum'.");
  const summing = await bagOf('sum');
  expect(() => summing.forward(bags, { perSampleWeights: tensor([1, 1, 1]) })).toThrow('[embeddingBag] perSampleWeights: got [3], expected [2,3], one for each token.');
  await expect((async () => summing.forward(tensor([[3]], { dtype: 'int32' })).data())()).rejects.toMatchObject({ code: 'ANNEAL_INDEX_OUT_OF_RANGE' });
});
