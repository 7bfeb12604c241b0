import { describe, expect, it } from 'vitest';
import { data, losses, nn, optim, tensor, Trainer } from 'anneal';

// What is passed on as it came, `{ weightDecay: options.weightDecay }`, is undefined where nobody gave it. Then the default counts.
describe('an option that is undefined', () => {
  const weights = async (make: (parameters: nn.Parameter[]) => optim.Optimizer): Promise<number[]> => {
    const layer = nn.linear(1, 1, { bias: undefined });
    await layer.loadStateDict({ weight: Float32Array.of(1), bias: Float32Array.of(0) });
    const optimizer = make(layer.parameters());
    layer.forward(tensor([[2]])).sum().backward();
    await optimizer.step();
    return [...(await layer.weight.data())];
  };

  it('counts as left out, in the options of an optimizer and of its groups', async () => {
    const right = await weights((parameters) => optim.adamw(parameters, { lr: 0.1 }));
    expect(right[0]).toBeCloseTo(1 - 0.1 * 0.01 - 0.1, 6);
    expect(await weights((parameters) => optim.adamw(parameters, { lr: 0.1, weightDecay: undefined, betas: undefined, clip: undefined }))).toEqual(right);
    expect(await weights((parameters) => optim.adamw([{ params: parameters, lr: undefined }], { lr: 0.1 }))).toEqual(right);
    expect(await weights((parameters) => optim.adamw(parameters, { lr: 0.1, groups: [{ match: /weight/, lr: undefined }] }))).toEqual(right);
  });

  it('counts as left out by losses, loaders and streams', async () => {
    const [x, y] = [tensor([[0.5], [-1]]), tensor([[1], [0]])];
    expect(await losses.focal(x, y, { alpha: undefined }).item()).toBe(await losses.focal(x, y).item());
    const stream = data.fromIterable(() => [{ x: [1], y: 0 }], { shape: [1], classes: undefined });
    expect(data.loader(stream, { batchSize: 2, shuffle: undefined, seed: undefined } as object).batchSize).toBe(2);
    const weighted = data.fromArrays({ x: [[1], [2]], y: [0, 1], shape: [1], weights: [1, 3] });
    const model = nn.sequential([1], nn.linear(1, 2));
    const trainer = new Trainer(model, { loss: losses.crossEntropy.with({ labelSmoothing: undefined }), optimizer: optim.sgd(model.parameters(), { lr: 0.1 }), metrics: undefined });
    expect(await trainer.fit(weighted, { batchSize: undefined, validation: undefined, callbacks: undefined })).toHaveLength(1);
  });
});
