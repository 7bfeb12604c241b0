import { describe, expect, it } from 'vitest';
import { add, adviseBatchSize, cast, compareStrategies, data, div, findLearningRate, losses, nn, optim, reshape, seed, sum, type Tensor } from 'anneal';

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

class Mean extends nn.Module<{ values: [number]; lengths: [] }, [2]> {
  readonly head = nn.linear(1, 2);
  override forward({ values, lengths }: nn.Inputs<{ values: [number]; lengths: [] }>): Tensor {
    return this.head.forward(reshape(div(sum(values as Tensor<[number, number], 'float32'>, { axis: 1 }), cast(lengths, 'float32')) as Tensor, [-1, 1]));
  }
}

describe('a model of sequences in buckets', () => {
  it('is tuned with batches that its buckets can fill', async () => {
    seed(1);
    const x = Array.from({ length: 90 }, (_, i) => new Float32Array(1 + (i % 9)).fill(Math.sin(i + 1)));
    const sequences = data.padded({ x, y: x.map(([value]) => Number(value! > 0)), buckets: [3, 6, 9] });
    const loss = losses.crossEntropy;
    const model = new Mean();
    const optimizer = optim.sgd(model.parameters(), { lr: 0.1 });
    expect((await findLearningRate(model, { loss, optimizer, data: sequences, steps: 20, batchSize: 16 })).curve.length).toBeGreaterThan(5);
    const { sizes } = await adviseBatchSize(model, { loss, optimizer, data: sequences, after: 2, batches: 2, secondsPerSize: 0.01 });
    expect(sizes.map(({ batchSize }) => batchSize)).toEqual([8, 16]);
    const strategies = { slow: { optimizer: (parameters: nn.Parameter[]) => optim.sgd(parameters, { lr: 1e-4 }) }, fast: { optimizer: (parameters: nn.Parameter[]) => optim.sgd(parameters, { lr: 0.5 }) } };
    const { rows } = await compareStrategies(strategies, { model: () => new Mean(), loss, data: sequences, validation: sequences, epochs: 2, seeds: [1] });
    expect(rows.length).toBe(2);
  });
});
