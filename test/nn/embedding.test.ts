import { describe, expect, it } from 'vitest';
import { nn, optim, tensor } from 'anneal';

const set = async (layer: nn.Module): Promise<void> => layer.loadStateDict({ weight: { shape: [3, 2], dtype: 'float32', data: Float32Array.of(1, 2, 10, 20, 100, 200) } } as never);

describe('embeddings', () => {
  it('are rows of a table, by index', async () => {
    const table = nn.embedding(3, 2);
    await set(table as never);
    expect(await table.forward(tensor([[2, 0], [1, 1]], { dtype: 'int32' })).array()).toEqual([[[100, 200], [1, 2]], [[10, 20], [10, 20]]]);
    expect(nn.sequential([4], nn.embedding(3, 2), nn.flatten(), nn.linear(8, 1)).output).toEqual([1]);
    // Eager mode throws at the call.
    await expect((async () => table.forward(tensor([3], { dtype: 'int32' })).data())()).rejects.toMatchObject({ code: 'ANNEAL_INDEX_OUT_OF_RANGE' });
  });

  it('are added up by their weights', async () => {
    const bag = nn.embeddingBag(3, 2, { mode: 'sum' });
    await set(bag as never);
    const indices = tensor([[2, 0], [1, 0]], { dtype: 'int32' });
    expect(await bag.forward(indices).array()).toEqual([[101, 202], [11, 22]]);
    expect(await bag.forward(indices, { perSampleWeights: tensor([[0.5, 2], [1, 0]]) }).array()).toEqual([[52, 104], [10, 20]]);
  });

  it('learn the rows that occur', async () => {
    const bag = nn.embeddingBag(3, 2, { mode: 'sum' });
    await set(bag as never);
    const optimizer = optim.sgd(bag.parameters(), { lr: 1 });
    bag.forward(tensor([[2, 0]], { dtype: 'int32' }), { perSampleWeights: tensor([[0.5, 0]]) }).sum().backward();
    await optimizer.step();
    expect([...(await bag.weight.data())]).toEqual([1, 2, 10, 20, 99.5, 199.5]);
  });

  it('have sizes that are whole numbers', () => {
    expect(() => nn.embedding(0, 2)).toThrow('[embedding] numEmbeddings: got 0');
    expect(() => nn.embeddingBag(2, 1.5)).toThrow('[embeddingBag] embeddingDim: got 1.5');
  });
});
