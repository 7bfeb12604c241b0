import { describe, expect, it } from 'vitest';
import { data, losses, nn, optim, tensor, Trainer } from 'anneal';

const x = Float32Array.from({ length: 20 }, (_, i) => i);
const model = nn.sequential([2], nn.linear(2, 3));
const trainer = new Trainer(model, { loss: losses.meanSquaredError, optimizer: optim.adam(model.parameters()) });

describe('a dataset without targets', () => {
  const unlabelled = data.fromArrays({ x, shape: [2] });

  it('has inputs, in batches, subsets and splits', async () => {
    expect([unlabelled.size, unlabelled.hasTargets, unlabelled.targetShape]).toEqual([10, false, {}]);
    const [inputs, targets] = [...data.loader(unlabelled, { batchSize: 4 })][0]!;
    expect(await inputs.array()).toEqual([[0, 1], [2, 3], [4, 5], [6, 7]]);
    expect(targets).toEqual({});
    const [first, second] = unlabelled.split(0.5);
    expect(first.size + second.size).toBe(10);
  });

  it('is predicted, and is not trained on', async () => {
    const predicted = await trainer.predict(unlabelled);
    expect(await predicted.data()).toEqual(await (await trainer.predict(tensor(x, { shape: [10, 2] }))).data());
    const message = "dataset 'data' has no targets: got inputs alone, expected targets beside them. Give y: data.fromArrays({ x, y, shape }); predict() takes inputs alone.";
    // @ts-expect-error the data has no targets
    await expect(trainer.fit(unlabelled)).rejects.toThrow(`[fit] ${message}`);
    // @ts-expect-error the data has no targets
    await expect(trainer.evaluate(data.loader(unlabelled))).rejects.toThrow(`[evaluate] ${message}`);
    await expect(trainer.fit(data.fromArrays({ x, y: x, shape: [2], targetShape: [2] }), { validation: unlabelled })).rejects.toThrow(`[fit] ${message}`);
  });

  it('is not made of targets that are undefined by mistake', () => {
    const rows: { readonly labels?: Int32Array } = {};
    expect(() => data.fromArrays({ x, y: rows.labels!, shape: [2] })).toThrow("y of dataset 'data': got undefined");
    expect(() => data.fromArrays({ x, shape: [2], classes: 3 } as never)).toThrow('[data.fromArrays] classes: got it without y, expected targets. Give y, or leave it out.');
  });
});
