import { describe, expect, it } from 'vitest';
import { add, adviseBatchSize, compareStrategies, data, findLearningRate, losses, nn, optim, seed, type Tensor } from 'anneal';

type In = { a: [2]; b: [2] };

class Sum extends nn.Module<In, [2]> {
  readonly left = nn.linear(2, 2);
  readonly right = nn.linear(2, 2);
  override forward({ a, b }: nn.Inputs<In>): Tensor {
    return add(this.left.forward(a), this.right.forward(b));
  }
}

const N = 64;
const a = Float32Array.from({ length: 2 * N }, (_, i) => Math.sin(7.1 * (i + 1)));
const b = Float32Array.from({ length: 2 * N }, (_, i) => Math.cos(3.3 * (i + 1)));
const y = Int32Array.from({ length: N }, (_, i) => Number(a[2 * i]! + b[2 * i]! > 0));
const points = data.fromArrays({ x: { a, b }, y, shape: { a: [2], b: [2] } });

describe('a model of two inputs', () => {
  it('is tuned as any other', async () => {
    seed(1);
    const model = new Sum();
    const optimizer = optim.sgd(model.parameters(), { lr: 0.1 });
    const loss = losses.crossEntropy;
    expect((await findLearningRate(model, { loss, optimizer, data: points, steps: 20, batchSize: 16 })).curve.length).toBeGreaterThan(5);
    const { sizes } = await adviseBatchSize(model, { loss, optimizer, data: points, sizes: [8, 16], after: 2, batches: 2, secondsPerSize: 0.01 });
    expect(sizes.map(({ batchSize }) => batchSize)).toEqual([8, 16]);
    const strategies = { slow: { optimizer: (parameters: nn.Parameter[]) => optim.sgd(parameters, { lr: 1e-4 }) }, fast: { optimizer: (parameters: nn.Parameter[]) => optim.sgd(parameters, { lr: 0.5 }) } };
    const { rows } = await compareStrategies(strategies, { model: () => new Sum(), loss, data: points, validation: points, epochs: 2, seeds: [1] });
    expect(rows[0]!.name).toBe('fast');
  });
});
